//! Device codes ("Microsoft identity platform and the OAuth 2.0 device authorization grant"). Nobody has to enter them: at the second
//! question the administrator of the seed has signed in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use uuid::Uuid;

use super::problem::Problem;

/// Seconds that a code is good for.
const LIFETIME: i64 = 900;

/// The codes that were given out.
#[derive(Debug, Default)]
pub(crate) struct Devices(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    scope: String,
    asked: bool,
    expires: i64,
}

impl Devices {
    /// The answer to somebody who begins to sign in.
    pub(super) fn begin(&self, origin: &str, scope: String, now: i64) -> String {
        let (device, user) = (Uuid::new_v4().simple().to_string(), "SANDBOX01");
        let uri = format!("{origin}/devicelogin");
        let waiting = Waiting { scope, asked: false, expires: now + LIFETIME };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device.clone(), waiting);
        json!({
            "device_code": device, "user_code": user, "verification_uri": uri, "expires_in": LIFETIME, "interval": 1,
            "message": format!("To sign in, use a web browser to open the page {uri} and enter the code {user} to authenticate."),
        })
        .to_string()
    }

    /// The scope that somebody has signed in for.
    pub(super) fn signed_in(&self, device: &str, now: i64) -> Result<String, Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.get_mut(device).ok_or_else(Problem::unknown_device)?;
        if waiting.expires <= now {
            return Err(Problem::expired_device());
        }
        if !std::mem::replace(&mut waiting.asked, true) {
            return Err(Problem::pending_device());
        }
        Ok(all.remove(device).map(|waiting| waiting.scope).unwrap_or_default())
    }
}
