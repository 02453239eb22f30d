//! The document in a blob. The versions it replaced lie beside it: `history/<time>.json`.
//! <https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs>

use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::{Method, RawResponse, Request, headers::HeaderName};
use jiff::Timestamp;
use serde::Deserialize;

use super::{CONTAINER, ETag, Kept, PlaceError, SettingsPlace, is_version, version, versions};
use crate::azure::{Account, AccountError, Failure, Rest, Service};

const BLOB: &str = "settings.json";
const HISTORY: &str = "history";

/// One blob of a storage account. Its container is created when the first document is written.
#[derive(Debug)]
pub struct BlobPlace {
    blobs: Rest,
}

/// What List Blobs answers.
#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "Blobs", default)]
    blobs: Blobs,
    #[serde(rename = "NextMarker")]
    next_marker: Option<String>,
}

#[derive(Default, Deserialize)]
struct Blobs {
    #[serde(rename = "Blob", default)]
    blob: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    #[serde(rename = "Name")]
    name: String,
}

/// Which version a write replaces.
enum Only<'a> {
    /// None: there is no blob yet.
    New,
    If(&'a ETag),
}

impl BlobPlace {
    /// No call is made.
    ///
    /// # Errors
    /// When the account has no blob endpoint.
    pub fn new(account: &Account) -> Result<Self, AccountError> {
        Ok(Self { blobs: Rest::new(account, Service::Blob)? })
    }

    async fn put(&self, name: &[&str], text: &str, only: &Only<'_>) -> Result<RawResponse, Failure> {
        let segments: Vec<&str> = std::iter::once(CONTAINER).chain(name.iter().copied()).collect();
        let mut request = Request::new(self.blobs.url(&segments), Method::Put);
        request.insert_header("x-ms-blob-type", "BlockBlob");
        request.insert_header("content-type", "application/json");
        match only {
            Only::New => request.insert_header("if-none-match", "*"),
            Only::If(etag) => request.insert_header("if-match", etag.0.clone()),
        }
        request.set_body(text.as_bytes().to_vec());
        self.blobs.send(request).await
    }

    /// The text of a blob; `None` where there is none.
    async fn get(&self, name: &[&str]) -> Result<Option<Kept>, PlaceError> {
        let segments: Vec<&str> = std::iter::once(CONTAINER).chain(name.iter().copied()).collect();
        let answer = match self.blobs.send(Request::new(self.blobs.url(&segments), Method::Get)).await {
            Ok(answer) => answer,
            Err(failure) if failure.status() == Some(404) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let text = String::from_utf8(answer.body().to_vec())
            .map_err(|_| PlaceError::Unreadable(format!("the blob {} is not UTF-8 text", segments.join("/"))))?;
        Ok(Some(Kept { etag: etag(&answer), text }))
    }

    async fn create_container(&self) -> Result<(), Failure> {
        let url = self.blobs.url_with_query(&[CONTAINER], &[("restype", "container")]);
        match self.blobs.send(Request::new(url, Method::Put)).await {
            Err(failure) if failure.code() != "ContainerAlreadyExists" => Err(failure),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl SettingsPlace for BlobPlace {
    async fn read(&self) -> Result<Option<Kept>, PlaceError> {
        self.get(&[BLOB]).await
    }

    async fn write(&self, text: &str, expected: Option<&ETag>) -> Result<ETag, PlaceError> {
        let kept = self.read().await?;
        if kept.as_ref().map(|kept| &kept.etag) != expected {
            return Err(PlaceError::Changed);
        }
        let only = match (&kept, expected) {
            (Some(kept), Some(etag)) => {
                let name = format!("{}.json", version(Timestamp::now()));
                self.put(&[HISTORY, &name], &kept.text, &Only::New).await?;
                Only::If(etag)
            }
            _ => {
                self.create_container().await?;
                Only::New
            }
        };
        Ok(etag(&self.put(&[BLOB], text, &only).await?))
    }

    async fn history(&self) -> Result<Vec<String>, PlaceError> {
        let prefix = format!("{HISTORY}/");
        let (mut names, mut marker) = (Vec::new(), String::new());
        loop {
            let query = [("restype", "container"), ("comp", "list"), ("prefix", &prefix), ("marker", &marker)];
            let url = self.blobs.url_with_query(&[CONTAINER], &query);
            let answer = match self.blobs.send(Request::new(url, Method::Get)).await {
                Ok(answer) => answer,
                Err(failure) if failure.status() == Some(404) => return Ok(Vec::new()),
                Err(failure) => return Err(failure.into()),
            };
            let listing: Listing = azure_core::xml::from_xml(answer.body())
                .map_err(|_| PlaceError::Unavailable(format!("the listing of {CONTAINER} cannot be read")))?;
            names.extend(
                listing.blobs.blob.into_iter().filter_map(|blob| Some(blob.name.strip_prefix(&prefix)?.to_owned())),
            );
            match listing.next_marker.filter(|next| !next.is_empty()) {
                Some(next) => marker = next,
                None => return Ok(versions(names.into_iter())),
            }
        }
    }

    async fn replaced(&self, version: &str) -> Result<Option<String>, PlaceError> {
        if !is_version(version) {
            return Ok(None);
        }
        Ok(self.get(&[HISTORY, &format!("{version}.json")]).await?.map(|kept| kept.text))
    }

    fn fresh_for(&self) -> Duration {
        Duration::from_secs(30)
    }
}

impl From<Failure> for PlaceError {
    fn from(failure: Failure) -> Self {
        let told = format!("the settings in the storage account ({CONTAINER}/{BLOB}) cannot be used: {failure}");
        match failure.status() {
            Some(409 | 412) => Self::Changed,
            _ if failure.is_denied() => Self::Unreadable(told),
            _ => Self::Unavailable(told),
        }
    }
}

fn etag(answer: &RawResponse) -> ETag {
    ETag(answer.headers().get_optional_str(&HeaderName::from_static("etag")).unwrap_or_default().to_owned())
}
