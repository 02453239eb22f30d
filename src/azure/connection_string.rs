//! Storage connection strings.
//! <https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>

use azure_core::{base64, credentials::Secret};

use super::{
    account::Access,
    endpoints::{Endpoints, Service, base_url},
    sas::Sas,
    shared_key::SharedKey,
};

/// The emulator's account, the same for everybody and published with it.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[derive(Default)]
struct Parts<'a> {
    account: Option<&'a str>,
    key: Option<&'a str>,
    sas: Option<&'a str>,
    scheme: Option<&'a str>,
    suffix: Option<&'a str>,
    emulator: bool,
    emulator_at: Option<&'a str>,
    queue: Option<&'a str>,
    blob: Option<&'a str>,
    table: Option<&'a str>,
}

/// What the connection string says, or what is wrong with it, in words that quote nothing of it.
pub(super) fn parse(text: &str) -> Result<(Endpoints, Access), &'static str> {
    let parts = split(text)?;
    if parts.emulator {
        return emulator(&parts);
    }
    let mut endpoints = match parts.account {
        Some(name) => {
            let (scheme, suffix) = (parts.scheme.unwrap_or("https"), parts.suffix.unwrap_or("core.windows.net"));
            Endpoints::of_account(scheme, name, suffix)
                .ok_or("AccountName, EndpointSuffix or DefaultEndpointsProtocol is malformed")?
        }
        None => Endpoints::default(),
    };
    let named = [
        (parts.queue, &mut endpoints.queue, "QueueEndpoint is not an http or https URL without a query"),
        (parts.blob, &mut endpoints.blob, "BlobEndpoint is not an http or https URL without a query"),
        (parts.table, &mut endpoints.table, "TableEndpoint is not an http or https URL without a query"),
    ];
    for (text, endpoint, problem) in named {
        if let Some(text) = text {
            *endpoint = Some(base_url(text).ok_or(problem)?);
        }
    }
    let access = match (parts.sas, parts.account, parts.key) {
        (Some(sas), _, _) => Access::Sas(Sas::parse(sas).ok_or("SharedAccessSignature has no `sig`")?),
        (None, Some(account), Some(key)) => Access::SharedKey(shared_key(account, key)?),
        (None, Some(_), None) => return Err("it has neither AccountKey nor SharedAccessSignature"),
        (None, None, _) => return Err("it has neither AccountName with AccountKey nor SharedAccessSignature"),
    };
    if endpoints.all().next().is_none() {
        return Err("it names neither AccountName nor an endpoint");
    }
    Ok((endpoints, access))
}

fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let mut parts = Parts::default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or("a part of it has no `=`")?;
        let value = Some(value.trim()).filter(|value| !value.is_empty());
        match name.trim().to_ascii_lowercase().as_str() {
            "accountname" => parts.account = value,
            "accountkey" => parts.key = value,
            "sharedaccesssignature" => parts.sas = value,
            "defaultendpointsprotocol" => parts.scheme = value,
            "endpointsuffix" => parts.suffix = value,
            "usedevelopmentstorage" => parts.emulator = value.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            "developmentstorageproxyuri" => parts.emulator_at = value,
            "queueendpoint" => parts.queue = value,
            "blobendpoint" => parts.blob = value,
            "tableendpoint" => parts.table = value,
            // FileEndpoint, the secondary endpoints and whatever comes: not used here.
            _ => {}
        }
    }
    Ok(parts)
}

fn emulator(parts: &Parts<'_>) -> Result<(Endpoints, Access), &'static str> {
    let host = parts.emulator_at.unwrap_or("http://127.0.0.1").trim_end_matches('/');
    let url = |port| base_url(&format!("{host}:{port}/{EMULATOR_ACCOUNT}"));
    let endpoints = Endpoints { blob: url(10000), queue: url(10001), table: url(10002) };
    if endpoints.get(Service::Queue).is_none() {
        return Err("DevelopmentStorageProxyUri is not a URL such as `http://127.0.0.1`");
    }
    Ok((endpoints, Access::SharedKey(shared_key(EMULATOR_ACCOUNT, EMULATOR_KEY)?)))
}

fn shared_key(account: &str, key: &str) -> Result<SharedKey, &'static str> {
    // Checked here, for later every single call would fail.
    base64::decode(key).map_err(|_| "AccountKey is not Base64")?;
    Ok(SharedKey { account: account.to_owned(), key: Secret::new(key.to_owned()) })
}
