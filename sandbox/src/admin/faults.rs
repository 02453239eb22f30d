//! Faults on demand: what goes wrong next, and how often.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut met = None;
        for fault in faults.iter_mut() {
            let matches = fault.path.as_ref().map_or(web_api, |part| path.contains(part.as_str()));
            if !matches {
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
