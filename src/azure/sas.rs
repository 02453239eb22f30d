//! A shared access signature: authorization in the query of each call.
//! <https://learn.microsoft.com/rest/api/storageservices/delegate-access-with-shared-access-signature>

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    credentials::Secret,
    http::{
        Context, Request, Url,
        policies::{Policy, PolicyResult},
    },
};

/// The signature's query. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Sas(Secret);

impl Sas {
    /// `None` if there is no `sig` in the query.
    pub(super) fn parse(query: &str) -> Option<Self> {
        let query = query.trim_start_matches('?');
        pairs(query).any(|(name, _)| name == "sig").then(|| Self(Secret::new(query.to_owned())))
    }
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sas(..)")
    }
}

/// Puts the signature into the query of a try.
///
/// It is not in the clients' URLs from the start, so that whoever prints such a URL prints no secret.
#[derive(Debug)]
pub(super) struct SasPolicy(pub(super) Sas);

#[async_trait]
impl Policy for SasPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let plain = request.url().clone();
        let signature: Vec<(String, String)> = pairs(self.0.0.secret()).collect();
        request.url_mut().query_pairs_mut().extend_pairs(signature);
        let result = next[0].send(ctx, request, &next[1..]).await;
        // The next try starts from the same request.
        *request.url_mut() = plain;
        result
    }
}

/// The decoded pairs of a query.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let mut url = Url::parse("https://sas").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(query));
    }
    let pairs: Vec<_> = url.iter().flat_map(Url::query_pairs).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    pairs.into_iter()
}
