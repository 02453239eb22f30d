//! The settings by which the Functions host names a storage account.
//! <https://learn.microsoft.com/azure/azure-functions/functions-reference#connections>

use super::{
    account::{Account, AccountError},
    endpoints::{Endpoints, base_url},
    identity::Identity,
};

pub(super) fn account(connection: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Account, AccountError> {
    let settings = Settings { connection, lookup };
    // An empty one counts as not set: some tools leave it behind beside the `__` settings.
    if let Some(text) = settings.get("") {
        return Account::of_setting(connection, &text);
    }
    let endpoints = settings.endpoints()?;
    let credential = settings.identity()?.credential().map_err(|error| AccountError::Client(error.to_string()))?;
    Account::with_identity(endpoints, credential)
}

struct Settings<'a> {
    connection: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    fn get(&self, suffix: &str) -> Option<String> {
        let value = (self.lookup)(&format!("{}{suffix}", self.connection))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn invalid(&self, suffix: &str, problem: &str) -> AccountError {
        AccountError::Invalid { setting: format!("{}{suffix}", self.connection), problem: problem.to_owned() }
    }

    fn endpoints(&self) -> Result<Endpoints, AccountError> {
        let mut endpoints = match self.get("__accountName") {
            Some(name) => Endpoints::of_account("https", &name, "core.windows.net")
                .ok_or_else(|| self.invalid("__accountName", "it is the account's name alone, without a domain"))?,
            None => Endpoints::default(),
        };
        for (suffix, endpoint) in [
            ("__queueServiceUri", &mut endpoints.queue),
            ("__blobServiceUri", &mut endpoints.blob),
            ("__tableServiceUri", &mut endpoints.table),
        ] {
            if let Some(text) = self.get(suffix) {
                let url = base_url(&text).filter(|url| url.scheme() == "https");
                *endpoint = Some(url.ok_or_else(|| self.invalid(suffix, "it is not an https URL without a query"))?);
            }
        }
        if endpoints.all().next().is_none() {
            return Err(AccountError::Missing { setting: self.connection.to_owned() });
        }
        Ok(endpoints)
    }

    fn identity(&self) -> Result<Identity, AccountError> {
        if self.get("__credential").is_some_and(|kind| !kind.eq_ignore_ascii_case("managedidentity")) {
            return Err(self.invalid("__credential", "the connector knows `managedidentity` only"));
        }
        let client_id = self.get("__clientId");
        if client_id.is_none() && self.get("__managedIdentityResourceId").is_some() {
            let problem = "the connector cannot use a resource id: set the identity's client id as __clientId instead";
            return Err(self.invalid("__managedIdentityResourceId", problem));
        }
        Ok(Identity::read(self.lookup, client_id))
    }
}
