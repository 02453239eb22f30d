//! The storage account.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, ExponentialRetryOptions, HttpClient, RetryOptions, Transport, Url, policies::Policy},
    time::Duration as TimeDuration,
};

use super::{
    connection_string,
    endpoints::{Endpoints, Service},
    sas::{Sas, SasPolicy},
    settings,
    shared_key::{SharedKey, SharedKeyPolicy},
};
use crate::telemetry::dependency::Recorded;

/// A storage account, cheap to clone. All its clients share one pool of connections.
#[derive(Clone)]
pub struct Account {
    endpoints: Endpoints,
    access: Access,
    http: Arc<dyn HttpClient>,
}

/// How calls are authorized.
#[derive(Clone)]
pub(super) enum Access {
    SharedKey(SharedKey),
    Sas(Sas),
    Identity(Arc<dyn TokenCredential>),
}

/// Why there is no account to work with. Says which setting is wrong and what to do; quotes no value of a secret one.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(
        "no storage account: set {setting} to a connection string, or {setting}__accountName to the account's name and \
         give the app's identity its data roles"
    )]
    Missing { setting: String },
    #[error("{setting} is not usable: {problem}")]
    Invalid { setting: String, problem: String },
    #[error("the storage account's settings name no {0} endpoint: add it, or name the account itself")]
    NoEndpoint(Service),
    #[error("the storage client cannot be set up: {0}")]
    Client(String),
}

impl Account {
    /// The account of a connection string: with AccountName and AccountKey, with SharedAccessSignature, or
    /// `UseDevelopmentStorage=true`.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] when a part is missing or malformed.
    pub fn from_connection_string(text: &str) -> Result<Self, AccountError> {
        Self::of_setting("the connection string", text)
    }

    pub(super) fn of_setting(setting: &str, text: &str) -> Result<Self, AccountError> {
        let (endpoints, access) = connection_string::parse(text)
            .map_err(|problem| AccountError::Invalid { setting: setting.to_owned(), problem: problem.to_owned() })?;
        Self::new(endpoints, access)
    }

    /// The account of these endpoints, used as the identity that the credential stands for.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] when an endpoint is not https: a token is not sent in the clear.
    pub fn with_identity(endpoints: Endpoints, credential: Arc<dyn TokenCredential>) -> Result<Self, AccountError> {
        if let Some(url) = endpoints.all().find(|url| url.scheme() != "https") {
            let problem = "an identity is used over https only".to_owned();
            return Err(AccountError::Invalid { setting: url.to_string(), problem });
        }
        Self::new(endpoints, Access::Identity(credential))
    }

    /// The account that settings name as the Functions host names it: `connection` (such as `AzureWebJobsStorage`) holds a
    /// connection string, or there are `<connection>__accountName` or `<connection>__queueServiceUri`,
    /// `__blobServiceUri`, `__tableServiceUri`, and for a user-assigned identity `<connection>__clientId`.
    ///
    /// `lookup` gives a setting's value by its name. As for the host, the connection string wins when both are set.
    ///
    /// # Errors
    /// [`AccountError::Missing`] when none is set, [`AccountError::Invalid`] when one is not usable.
    pub fn from_settings(connection: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, AccountError> {
        settings::account(connection, lookup)
    }

    /// Sends the account's calls through another HTTP client.
    #[must_use]
    pub fn with_http_client(mut self, http: Arc<dyn HttpClient>) -> Self {
        self.http = http;
        self
    }

    /// The account's name, as its host names begin with it; none for an emulator on this machine.
    pub fn name(&self) -> Option<String> {
        let hosts = self.endpoints.all().filter_map(|url| url.domain());
        let mut names = hosts.filter_map(|host| host.split_once('.')).map(|(name, _)| name.to_owned());
        names.next()
    }

    fn new(endpoints: Endpoints, access: Access) -> Result<Self, AccountError> {
        let http = Arc::new(http_client(&endpoints)?);
        Ok(Self { endpoints, access, http })
    }

    pub(crate) fn endpoint(&self, service: Service) -> Result<&Url, AccountError> {
        self.endpoints.get(service).ok_or(AccountError::NoEndpoint(service))
    }

    /// For clients that add the token themselves.
    pub(crate) fn credential(&self) -> Option<Arc<dyn TokenCredential>> {
        if let Access::Identity(credential) = &self.access { Some(Arc::clone(credential)) } else { None }
    }

    /// What each client of the account is made with, but for its token.
    pub(crate) fn client_options(&self, service: Service) -> ClientOptions {
        let sign: Option<Arc<dyn Policy>> = match &self.access {
            Access::SharedKey(key) => Some(Arc::new(SharedKeyPolicy::new(key.clone(), service))),
            Access::Sas(sas) => Some(Arc::new(SasPolicy(sas.clone()))),
            Access::Identity(_) => None,
        };
        ClientOptions {
            per_try_policies: sign.into_iter().chain([recorded(service)]).collect(),
            // The SDK's own 8 tries over 60 s are longer than a webhook's sender waits.
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                initial_delay: TimeDuration::milliseconds(200),
                max_retries: 3,
                max_total_elapsed: TimeDuration::seconds(10),
                max_delay: TimeDuration::seconds(2),
            }),
            transport: Some(Transport::new(Arc::clone(&self.http))),
            ..Default::default()
        }
    }
}

fn recorded(service: Service) -> Arc<dyn Policy> {
    Arc::new(Recorded(match service {
        Service::Blob => "Azure blob",
        Service::Queue => "Azure queue",
        Service::Table => "Azure table",
    }))
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match &self.access {
            Access::SharedKey(_) => "shared key",
            Access::Sas(_) => "shared access signature",
            Access::Identity(_) => "identity",
        };
        let urls: Vec<&str> = self.endpoints.all().map(Url::as_str).collect();
        f.debug_struct("Account").field("endpoints", &urls).field("access", &access).finish()
    }
}

fn http_client(endpoints: &Endpoints) -> Result<reqwest::Client, AccountError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(15))
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none());
    // An emulator on this machine is not behind the machine's proxy.
    if endpoints.all().all(|url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| AccountError::Client(error.to_string()))
}
