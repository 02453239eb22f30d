//! What a client has to know.

use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use crate::inevent;
use crate::organization::Doors;
use crate::seed;

/// Everything a client needs to know of a sandbox and its first organisation; the values work as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// URL of the organisation and the resource to ask tokens for; the Web API is at `{http}/api/data/v9.2/`.
    pub http: String,
    /// The same over https, with a certificate of the sandbox's own authority.
    pub https: String,
    /// PEM file with the certificate of that authority.
    pub ca: String,
    /// Tenant id.
    pub tenant: String,
    /// Client id of an application whose application user has every privilege.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: String,
    /// Where tokens are issued (OAuth 2.0, Microsoft Entra v2.0). Libraries that want an authority take `https`.
    pub token_url: String,
    /// Base of the admin API.
    pub admin_url: String,
    /// Where the pages for people begin.
    pub pages_url: String,
    /// The InEvent stand-in beside it.
    #[serde(flatten)]
    pub inevent: inevent::Connection,
}

impl Connection {
    pub(crate) fn new(doors: Doors, tenant: Uuid, ca: &Path, inevent: inevent::Connection) -> Self {
        let http = doors.http_origin();
        Self {
            https: doors.https_origin(),
            ca: ca.display().to_string(),
            tenant: tenant.to_string(),
            client_id: seed::CLIENT.to_string(),
            client_secret: seed::SECRET.to_owned(),
            token_url: format!("{http}/{tenant}/oauth2/v2.0/token"),
            admin_url: format!("{http}/__admin"),
            pages_url: format!("{http}/"),
            http,
            inevent,
        }
    }
}
