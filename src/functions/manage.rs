//! `Manage` (`POST /api/manage/…`): what administrators ask, once App Service has signed them in.
//!
//! The host takes no key for it. Who asks is told by `X-MS-CLIENT-PRINCIPAL`, which the platform's sign-in sets, and takes away where a
//! client sends it; but only while that sign-in is on. So the header counts for nothing unless two things say that it is: the
//! setting that the templates make together with the sign-in, and `WEBSITE_AUTH_ENABLED`, which is the platform's own word and
//! follows when somebody turns the sign-in off later. What cannot be believed is refused.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use warp::{
    http::{HeaderMap, Method, StatusCode, header},
    reply::Response,
};

use super::{answer, services::App};
use crate::manage::{self, ManageError, Role};

/// The client id of the application by which administrators sign in. Set by the templates together with the sign-in itself.
pub const ADMIN_SIGN_IN: &str = "INEVENT_D365_ADMIN_SIGN_IN";

/// The platform's word on whether its sign-in is on.
pub const AUTH_ENABLED: &str = "WEBSITE_AUTH_ENABLED";

/// The most that a body may weigh, in bytes: a settings document is the largest.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Azure ends a request after 230 seconds. What can answer in parts begins no other one after so long.
const PATIENCE: Duration = Duration::from_secs(100);

/// What cannot is ended before Azure does.
const LONGEST: Duration = Duration::from_secs(220);

const PRINCIPAL: &str = "x-ms-client-principal";

/// What is asked, by somebody who may.
#[derive(Debug)]
pub struct Asked {
    name: String,
    /// The object id of who asks.
    by: Option<String>,
}

/// Who signed in, as the platform tells.
#[derive(Deserialize)]
struct Principal {
    auth_typ: String,
    #[serde(default)]
    role_typ: Option<String>,
    #[serde(default)]
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    typ: String,
    val: String,
}

impl Principal {
    fn read(header: &[u8]) -> Option<Self> {
        serde_json::from_slice(&STANDARD.decode(header).ok()?).ok()
    }

    fn claim<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.claims.iter().filter(|claim| names.contains(&claim.typ.as_str())).map(|claim| claim.val.as_str())
    }

    /// The roles of the application that somebody was given; none where it was not Entra who signed them in.
    fn role(&self) -> Option<Role> {
        const SHORT: &str = "roles";
        const LONG: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
        if self.auth_typ != "aad" {
            return None;
        }
        let names = [SHORT, LONG, self.role_typ.as_deref().unwrap_or(SHORT)];
        let given: Vec<&str> = self.claim(&names).collect();
        Role::ALL.into_iter().filter(|role| given.contains(&role.name())).max()
    }

    fn id(&self) -> Option<String> {
        let names = ["http://schemas.microsoft.com/identity/claims/objectidentifier", "oid"];
        self.claim(&names).next().map(str::to_owned)
    }
}

/// Whether the platform's sign-in is on, so that what it says of a caller can be believed.
fn signs_in(setting: impl Fn(&str) -> Option<String>) -> bool {
    setting(ADMIN_SIGN_IN).is_some() && setting(AUTH_ENABLED).is_some_and(|on| on.trim().eq_ignore_ascii_case("true"))
}

/// Whether this may be asked, and by whom.
///
/// # Errors
/// The answer that refuses it.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub fn allowed(app: &App, path: &str, method: &Method, headers: &HeaderMap) -> Result<Asked, Response> {
    let forbidden = |why: &str| Err(refused(StatusCode::FORBIDDEN, why));
    if !signs_in(|name| app.setting(name)) {
        return forbidden(
            "the sign-in of administrators is not set up: deploy with adminSignInClientId (infra/README.md), or manage the connector \
             over its storage account",
        );
    }
    let Some(principal) = headers.get(PRINCIPAL).and_then(|header| Principal::read(header.as_bytes())) else {
        return Err(refused(StatusCode::UNAUTHORIZED, "nobody is signed in"));
    };
    let Some(role) = principal.role() else {
        return forbidden(
            "you are signed in and have neither role: let somebody assign Connector.Admin or Connector.Reader",
        );
    };
    if method != Method::POST {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "ask by POST"));
    }
    // A form of another site can be sent with a person's cookie, JSON cannot.
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ask as application/json"));
    }
    match manage::needs(path) {
        None => Err(refused(StatusCode::NOT_FOUND, &format!("this release knows no {path}"))),
        Some(needed) if role < needed => forbidden(&format!("this needs the role {}", needed.name())),
        Some(_) => Ok(Asked { name: path.to_owned(), by: principal.id() }),
    }
}

/// Answers.
pub async fn run(app: &App, asked: Asked, body: &Bytes) -> Response {
    let Asked { name, by } = asked;
    let ground = app.ground().within(PATIENCE);
    let answered = within(LONGEST, manage::answer(&ground, &name, body)).await;
    tracing::info!(target: "manage", asked = name, by, done = answered.is_ok(), "an administrator asked");
    match answered {
        Ok(answer) => answer::with_json(StatusCode::OK, &answer),
        Err(error @ ManageError::Refused(_)) => answer::with_json(StatusCode::UNPROCESSABLE_ENTITY, &error),
        Err(error @ ManageError::Unavailable(_)) => answer::with_json(StatusCode::BAD_GATEWAY, &error),
    }
}

async fn within<T>(
    longest: Duration,
    answering: impl Future<Output = Result<T, ManageError>>,
) -> Result<T, ManageError> {
    let why = "it took longer than Azure lets a request take, and was ended: what was done until then stays done";
    timeout(longest, answering).await.unwrap_or_else(|_| Err(ManageError::Unavailable(why.to_owned())))
}

fn refused(status: StatusCode, why: &str) -> Response {
    answer::with_json(status, &json!({ "kind": "refused", "error": why }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(auth_typ: &str, claims: serde_json::Value) -> String {
        STANDARD.encode(json!({ "auth_typ": auth_typ, "role_typ": "roles", "claims": claims }).to_string())
    }

    fn app(settings: &'static [(&'static str, &'static str)]) -> std::sync::Arc<App> {
        let found = |name: &str| settings.iter().find(|(known, _)| *known == name);
        App::new(move |name| found(name).map(|(_, value)| (*value).to_owned()), 1)
    }

    fn status(app: &App, path: &str, principal: Option<&str>) -> u16 {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        if let Some(principal) = principal {
            headers.insert(PRINCIPAL, principal.parse().unwrap());
        }
        match allowed(app, path, &Method::POST, &headers) {
            Ok(_) => 200,
            Err(answer) => answer.status().as_u16(),
        }
    }

    const ON: &[(&str, &str)] = &[(ADMIN_SIGN_IN, "client"), (AUTH_ENABLED, "True")];

    #[test]
    fn nobody_is_believed_while_the_sign_in_is_off() {
        let admin = header("aad", json!([{ "typ": "roles", "val": "Connector.Admin" }]));
        const OFF: [&[(&str, &str)]; 5] = [
            &[],
            &[(ADMIN_SIGN_IN, "client")],
            &[(ADMIN_SIGN_IN, "client"), (AUTH_ENABLED, "False")],
            &[(ADMIN_SIGN_IN, " "), (AUTH_ENABLED, "True")],
            &[(AUTH_ENABLED, "True")],
        ];
        for settings in OFF {
            assert_eq!(status(&app(settings), "log", Some(&admin)), 403, "{settings:?}");
        }
        assert_eq!(status(&app(ON), "log", Some(&admin)), 200);
    }

    #[test]
    fn roles_open_what_they_are_for_and_nothing_else() {
        let app = app(ON);
        let of = |claims| header("aad", claims);
        let reader = of(json!([{ "typ": "roles", "val": "Connector.Reader" }]));
        let long = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
        let both = of(json!([{ "typ": long, "val": "Connector.Reader" }, { "typ": long, "val": "Connector.Admin" }]));
        for (path, by_reader) in [("log", 200), ("parked/list", 200), ("parked/show", 403), ("settings/put", 403)] {
            assert_eq!(status(&app, path, Some(&reader)), by_reader, "{path}");
            assert_eq!(status(&app, path, Some(&both)), 200, "{path}");
        }
        assert_eq!(status(&app, "no/such", Some(&both)), 404);
        assert_eq!(status(&app, "log", None), 401);
        for nobody in [
            "no base64".to_owned(),
            STANDARD.encode("no json"),
            of(json!([])),
            of(json!([{ "typ": "roles", "val": "connector.admin" }])),
            of(json!([{ "typ": "name", "val": "Connector.Admin" }])),
            header("google", json!([{ "typ": "roles", "val": "Connector.Admin" }])),
        ] {
            assert!(matches!(status(&app, "log", Some(&nobody)), 401 | 403), "{nobody}");
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended_with_an_answer() {
        let ended = within(Duration::ZERO, std::future::pending::<Result<(), _>>()).await;
        assert!(matches!(ended, Err(ManageError::Unavailable(why)) if why.contains("stays done")));
        assert!(within(Duration::ZERO, async { Ok(()) }).await.is_ok());
    }

    #[test]
    fn a_page_of_another_site_asks_nothing() {
        let admin = header("aad", json!([{ "typ": "roles", "val": "Connector.Admin" }]));
        let mut headers = HeaderMap::new();
        headers.insert(PRINCIPAL, admin.parse().unwrap());
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(allowed(&app(ON), "log", &Method::POST, &headers).unwrap_err().status(), 415);
        }
        assert_eq!(allowed(&app(ON), "log", &Method::GET, &headers).unwrap_err().status(), 405);
    }
}
