//! Listing a table page by page.
//! <https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination>

use azure_core::http::{RawResponse, headers::HeaderName};
use serde::{Deserialize, Serialize};

use super::{entity::Entity, unreadable};
use crate::store::{Page, StoreError, rules};

/// The most entities the service gives at once.
const MAX_PAGE: usize = 1000;

/// Where the next page begins, in the service's own opaque words. The row may be missing.
#[derive(Serialize, Deserialize)]
struct Continuation {
    partition: String,
    row: Option<String>,
}

pub(super) fn query(
    partition: Option<&str>,
    limit: usize,
    next: Option<&str>,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut query = vec![("$top", limit.clamp(1, MAX_PAGE).to_string())];
    if let Some(partition) = partition {
        query.push(("$filter", format!("PartitionKey eq '{}'", rules::check_part(partition)?)));
    }
    if let Some(next) = next {
        let next: Continuation = serde_json::from_str(next).map_err(|_| StoreError::BadPage)?;
        query.push(("NextPartitionKey", next.partition));
        query.extend(next.row.map(|row| ("NextRowKey", row)));
    }
    Ok(query)
}

pub(super) fn page(kind: &'static str, answer: &RawResponse) -> Result<Page, StoreError> {
    #[derive(Deserialize)]
    struct Listing {
        value: Vec<Entity>,
    }
    // Its error would quote a record.
    let listing: Listing = serde_json::from_slice(answer.body()).map_err(|_| unreadable("an unreadable listing"))?;
    let records = listing.value.into_iter().map(|entity| entity.into_record(kind)).collect::<Result<_, _>>()?;
    let header = |name| answer.headers().get_optional_str(&HeaderName::from_static(name)).map(str::to_owned);
    let next = header("x-ms-continuation-nextpartitionkey").map(|partition| {
        let row = header("x-ms-continuation-nextrowkey");
        serde_json::json!(Continuation { partition, row }).to_string()
    });
    Ok(Page { records, next })
}
