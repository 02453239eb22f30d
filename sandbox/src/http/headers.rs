//! The headers every Web API answer has, after a capture in Microsoft's "Use PowerShell and Visual Studio Code with the
//! Dataverse Web API".

use uuid::Uuid;

use crate::limits::PARALLELISM;
use crate::organization::Organization;

/// Headers that say nothing about the answer itself.
pub(super) fn common(organization: &Organization, remaining: (u64, f64)) -> Vec<(&'static str, String)> {
    let (requests, seconds) = remaining;
    let id = || Uuid::new_v4().to_string();
    vec![
        ("Cache-Control", "no-cache".to_owned()),
        ("Expires", "-1".to_owned()),
        ("Vary", "Accept-Encoding".to_owned()),
        ("x-ms-service-request-id", id()),
        ("Set-Cookie", format!("ARRAffinity={}; path=/; secure; HttpOnly", Uuid::new_v4().simple())),
        ("Set-Cookie", format!("ReqClientId={}; path=/; secure; HttpOnly", id())),
        ("Set-Cookie", format!("orgId={}; path=/; secure; HttpOnly", organization.id)),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains".to_owned()),
        ("REQ_ID", id()),
        ("CRM.ServiceId", "framework".to_owned()),
        ("AuthActivityId", id()),
        ("x-ms-dop-hint", PARALLELISM.to_string()),
        ("x-ms-ratelimit-time-remaining-xrm-requests", thousands(seconds)),
        ("x-ms-ratelimit-burst-remaining-xrm-requests", requests.to_string()),
        ("X-Source", "1921681012724413024022051".to_owned()),
    ]
}

/// `1,200.00`
fn thousands(seconds: f64) -> String {
    if seconds < 999.995 { format!("{seconds:.2}") } else { format!("1,{:06.2}", seconds - 1000.0) }
}
