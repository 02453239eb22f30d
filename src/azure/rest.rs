//! Calls to the services for which the connector brings its own client: blobs and tables.
//!
//! Azure's Rust SDK has a blob crate (22,000 lines) but no table crate of this generation. Tables need this client anyway,
//! and three verbs on blobs need no more than it.

use azure_core::http::{
    Context, Pipeline, PipelineSendOptions, RawResponse, Request, Url,
    headers::HeaderName,
    policies::{Policy, auth::BearerTokenAuthorizationPolicy},
};
use serde::Deserialize;
use std::sync::Arc;

use super::{Account, AccountError, Failure, SERVICE_VERSION, Service};

/// A service of the account, ready to be called.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    endpoint: Url,
    pipeline: Pipeline,
}

impl Rest {
    pub(crate) fn new(account: &Account, service: Service) -> Result<Self, AccountError> {
        let endpoint = account.endpoint(service)?.clone();
        let bearer = account.credential().map(|credential| {
            let scopes = vec!["https://storage.azure.com/.default"];
            Arc::new(BearerTokenAuthorizationPolicy::new(credential, scopes)) as Arc<dyn Policy>
        });
        let pipeline = Pipeline::new(
            Some(env!("CARGO_PKG_NAME")),
            Some(env!("CARGO_PKG_VERSION")),
            account.client_options(service),
            Vec::new(),
            bearer.into_iter().collect(),
            None,
        );
        Ok(Self { endpoint, pipeline })
    }

    /// The service's URL with these segments, percent-encoded, added to its path.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    /// That URL with a query.
    pub(crate) fn url_with_query(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.url(segments);
        url.query_pairs_mut().clear().extend_pairs(query);
        // A form's spelling of a space; not every service reads it as one.
        let spelled = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(spelled.as_deref().filter(|query| !query.is_empty()));
        url
    }

    /// Sends, tries again what may be tried again, and gives the answer if its status is a success.
    pub(crate) async fn send(&self, mut request: Request) -> Result<RawResponse, Failure> {
        request.insert_header("x-ms-version", SERVICE_VERSION);
        // Unchecked, because azure_core does not find the table service's error code.
        let options = PipelineSendOptions { skip_checks: true, ..Default::default() };
        let response = self.pipeline.send(&Context::new(), &mut request, Some(options)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Failure::Answer { status: u16::from(response.status()), code: error_code(&response) })
    }
}

/// The code of an error, from the header or, for tables, the body.
/// <https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2>
fn error_code(response: &RawResponse) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "odata.error")]
        error: Code,
    }
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    if let Some(code) = response.headers().get_optional_str(&HeaderName::from_static("x-ms-error-code")) {
        return code.to_owned();
    }
    serde_json::from_slice::<Body>(response.body()).map(|body| body.error.code).unwrap_or_default()
}
