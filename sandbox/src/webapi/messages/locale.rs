//! Languages of the organisation, and addresses as they are written.

use serde_json::{Value as Json, json};

use super::about::context;
use super::parameters::{of_function, text};
use crate::records::envelope;
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};

/// English, which every organisation here has, and no other.
const LANGUAGE: i64 = 1033;

/// Functions that tell languages, each with the member of its answer.
pub(super) const FUNCTIONS: [(&str, &str); 4] = [
    ("RetrieveProvisionedLanguages", "RetrieveProvisionedLanguages"),
    ("RetrieveAvailableLanguages", "LocaleIds"),
    ("RetrieveInstalledLanguagePacks", "RetrieveInstalledLanguagePacks"),
    ("RetrieveDeprovisionedLanguages", "RetrieveDeprovisionedLanguages"),
];

/// `GET /RetrieveProvisionedLanguages()` and its like.
pub(super) fn languages(service: &Service<'_>, function: &str, member: &str) -> Response {
    let known: &[i64] = if function == "RetrieveDeprovisionedLanguages" { &[] } else { &[LANGUAGE] };
    let mut body = json!({ "@odata.context": context(service, function) });
    body[member] = Json::from(known);
    Response::json(200, body.to_string())
}

/// `GET /FormatAddress(Line1=…,City=…,StateOrProvince=…,PostalCode=…,Country=…)`
pub(super) fn address(service: &Service<'_>, segment: &Segment, operation: &Operation<'_>) -> Response {
    let part = |name: &str| of_function(segment, operation, name).map(|value| text(&value)).unwrap_or_default();
    let parts = [
        part("Line1"),
        String::new(),
        String::new(),
        part("City"),
        part("StateOrProvince"),
        part("PostalCode"),
        part("Country"),
    ];
    let address = envelope(parts.each_ref().map(String::as_str)).unwrap_or_default();
    let body = json!({ "@odata.context": context(service, "FormatAddress"), "Address": address });
    Response::json(200, body.to_string())
}
