//! The headers every Web API answer has, after a capture in Microsoft's "Use PowerShell and Visual Studio Code with the
//! Dataverse Web API".

use uuid::Uuid;

use crate::limits::Remaining;
use crate::organization::Organization;

/// Headers that say nothing about the answer itself.
pub(super) fn common(organization: &Organization, remaining: Remaining) -> Vec<(&'static str, String)> {
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
        ("x-ms-dop-hint", organization.limits.settings().dop_hint.to_string()),
        ("x-ms-ratelimit-time-remaining-xrm-requests", thousands(remaining.seconds)),
        ("x-ms-ratelimit-burst-remaining-xrm-requests", remaining.requests.to_string()),
        ("X-Source", "1921681012724413024022051".to_owned()),
    ]
}

/// `1,200.00`
fn thousands(seconds: f64) -> String {
    let text = format!("{seconds:.2}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{fraction}")
}
