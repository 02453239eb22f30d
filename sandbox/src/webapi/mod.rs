//! The Dataverse Web API over one organisation's rows: requests in, answers out, no sockets.

mod address;
mod aggregate;
mod background;
mod batch;
mod bulk;
mod caller;
mod conditions;
mod deep;
mod definitions;
mod dispatch;
mod expand;
mod fetch;
mod files;
mod json;
mod messages;
mod multipart;
mod payload;
mod prefer;
mod read;
mod references;
mod render;
mod resource;
mod search;
mod tracking;
mod uri;
mod write;

pub(crate) use background::PATH as BACKGROUND;
pub(crate) use dispatch::{Service, serve, serve_status};
pub(crate) use json::plain_row;
#[cfg(any(test, feature = "fuzz"))]
pub use multipart::fuzz as fuzz_multipart;
pub(crate) use search::{PATH as SEARCH, serve as serve_search};
pub(crate) use uri::{decode, encode, form_pairs};

use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::errors::ApiError;
pub(crate) use prefer::Prefer;

/// A Web API request, from the network or out of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// What follows `…/api/data/v9.2/`, still percent-encoded, with the query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    /// The same as JSON, once somebody has asked; or why it is none.
    json: OnceLock<Result<Json, String>>,
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, json: OnceLock::new() }
    }
}

impl Body {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the body as JSON, if that is what it looks like. To be called before rows are locked: others need not wait
    /// for this.
    pub(crate) fn read_ahead(&self) {
        if self.bytes.first() == Some(&b'{') {
            let _ = self.json();
        }
    }

    pub(crate) fn json(&self) -> &Result<Json, String> {
        self.json.get_or_init(|| serde_json::from_slice(&self.bytes).map_err(|error| error.to_string()))
    }
}

impl Request {
    /// The first header of this name. The literal `null`, which Microsoft's samples send, counts as absent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())?;
        (found != "null").then_some(found)
    }
}

/// A Web API answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// URL of the row that was made or changed: what `$1` stands for in a change set.
    pub(crate) row: Option<String>,
}

const JSON: &str = "application/json; odata.metadata=minimal";

impl Response {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: vec![("OData-Version", "4.0".to_owned())], body: Vec::new(), row: None }
    }

    pub(crate) fn json(status: u16, body: String) -> Self {
        Self::empty(status).with("Content-Type", JSON).with_body(body.into_bytes())
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says which row was made or changed.
    pub(crate) fn about(mut self, url: String) -> Self {
        self.row = Some(url);
        self
    }

    pub(crate) fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// An error as the Web API writes it; with every detail if the caller asked for all annotations.
    pub(crate) fn error(error: &ApiError, prefer: &Prefer) -> Self {
        let mut inner = serde_json::Map::new();
        inner.insert("code".to_owned(), error.code.clone().into());
        inner.insert("message".to_owned(), error.message.clone().into());
        if prefer.annotates("Microsoft.PowerApps.CDS.HelpLink") {
            let link = format!(
                "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{}&client=platform",
                error.code.trim_start_matches("0x")
            );
            inner.insert("@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus".to_owned(), "0".into());
            inner.insert("@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode".to_owned(), "0".into());
            for (name, value) in &error.details {
                let name = format!("@Microsoft.PowerApps.CDS.ErrorDetails.{name}");
                inner.insert(name, value.clone().into());
            }
            inner.insert("@Microsoft.PowerApps.CDS.HelpLink".to_owned(), link.into());
            inner.insert("@Microsoft.PowerApps.CDS.InnerError.Message".to_owned(), error.message.clone().into());
        }
        let response = Self::json(error.status, serde_json::json!({ "error": inner }).to_string());
        match error.retry_after {
            Some(seconds) => response.with("Retry-After", seconds.to_string()),
            None => response,
        }
    }
}
