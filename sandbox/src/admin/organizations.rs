//! The organisations of the sandbox, and new ones.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, failed};
use crate::entra::IDENTITY_HEADER;
use crate::organization::Organization;
use crate::seed::Seed;
use crate::state::Site;

/// `{"name": "fabrikam", "seed": "crm"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    seed: Option<Seed>,
    /// Ports; 0 picks a free one.
    #[serde(default)]
    http: u16,
    #[serde(default)]
    https: u16,
}

/// All organisations, the first one first.
pub(super) fn list(site: &Site<'_>) -> Answer {
    let all: Vec<Json> = site.state.organizations.all().iter().map(|organization| describe(organization)).collect();
    (200, Json::Array(all).to_string())
}

/// What a client needs to know of an organisation.
pub(super) fn describe(organization: &Organization) -> Json {
    let doors = organization.doors();
    let http = doors.http_origin();
    json!({
        "id": organization.id,
        "name": organization.name,
        "http": http,
        "https": doors.https_origin(),
        "admin_url": format!("{http}/__admin"),
        "pages_url": format!("{http}/"),
        "identity_endpoint": format!("{http}/msi/token"),
        "identity_header": IDENTITY_HEADER,
    })
}

/// Makes an organisation, with ports of its own.
pub(super) fn create(site: &Site<'_>, body: &[u8]) -> Answer {
    let wanted: Wanted = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(error) => return failed(400, &error.to_string()),
    };
    match site.state.found(&wanted.name, wanted.seed, wanted.http, wanted.https) {
        Ok(organization) => (201, describe(&organization).to_string()),
        Err(error) => failed(400, &format!("{error:#}")),
    }
}
