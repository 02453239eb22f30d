//! Faults on demand: what goes wrong next, and how often.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::errors::ApiError;

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// 429 with `Retry-After`.
    Throttle,
    /// 503.
    Unavailable,
    /// 500 of a database deadlock.
    Deadlock,
    /// The connection is cut before the request is carried out.
    ResetBefore,
    /// The connection is cut after the request was carried out.
    ResetAfter,
    /// 401, as with an expired token.
    Unauthorized,
}

/// A fault to be had by the next matching requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// How many requests it meets.
    #[serde(default = "once")]
    pub(crate) count: u64,
    /// Seconds for `Retry-After`.
    #[serde(default)]
    pub(crate) retry_after: Option<u64>,
    /// Part of the path, without the query; all Web API requests if absent.
    #[serde(default, rename = "match")]
    pub(crate) path: Option<String>,
    /// How many matching requests are let through before.
    #[serde(default)]
    pub(crate) skip: u64,
    /// Whether it meets single operations inside batches instead of whole requests.
    #[serde(default)]
    pub(crate) parts: bool,
}

impl Fault {
    /// The error it is answered with; none if it cuts the connection.
    pub(crate) fn error(&self) -> Option<ApiError> {
        match self.kind {
            FaultKind::Throttle => Some(ApiError::throttled(self.retry_after.unwrap_or(1))),
            FaultKind::Unavailable => Some(ApiError::unavailable(self.retry_after)),
            FaultKind::Deadlock => Some(ApiError::deadlock()),
            FaultKind::Unauthorized | FaultKind::ResetBefore | FaultKind::ResetAfter => None,
        }
    }
}

fn once() -> u64 {
    1
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn pending(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a request on this path meets; counts it. A fault without `match` meets Web API requests only.
    pub(crate) fn meet(&self, path: &str, web_api: bool) -> Option<Fault> {
        self.next(path, web_api, false)
    }

    /// What an operation inside a batch meets; counts it.
    pub(crate) fn meet_part(&self, path: &str) -> Option<Fault> {
        self.next(path, true, true)
    }

    fn next(&self, path: &str, web_api: bool, part: bool) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut met = None;
        for fault in faults.iter_mut() {
            let matches = fault.path.as_ref().map_or(web_api, |part| path.contains(part.as_str()));
            if !matches || fault.parts != part {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.count > 0 {
                fault.count -= 1;
                met = Some(fault.clone());
                break;
            }
        }
        faults.retain(|fault| fault.count > 0);
        met
    }
}
