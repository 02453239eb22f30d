//! Faults on demand: what goes wrong next, and how often.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::errors::ApiError;

/// A way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// 429 with `Retry-After`.
    Throttle,
    /// 503.
    Unavailable,
    /// 502 of a gateway in between.
    BadGateway,
    /// 504 of a gateway in between.
    GatewayTimeout,
    /// 500 of a database deadlock.
    Deadlock,
    /// 500 of a statement that took too long.
    SqlTimeout,
    /// 400 while somebody else imports a solution.
    SolutionLock,
    /// 400 of a plug-in that throws, with its `message`.
    Plugin,
    /// 403: the organisation is disabled.
    OrganizationDisabled,
    /// 403: the caller's user is disabled.
    UserDisabled,
    /// The connection is cut before the request is carried out.
    ResetBefore,
    /// The connection is cut after the request was carried out.
    ResetAfter,
    /// The answer takes longer, by `ms`.
    Slow,
    /// 401, once; the token stays good.
    Unauthorized,
    /// 401, and the token that came with the request is good no more.
    ExpiredToken,
    /// Somebody else's `request` is carried out right before, with every privilege.
    Meanwhile,
}

/// The limit that a throttled request is said to exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    #[default]
    Requests,
    ExecutionTime,
    Concurrency,
}

/// A Web API request, for instance `{"method": "DELETE", "path": "contacts(…)"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scripted {
    pub(crate) method: String,
    /// What follows `/api/data/v9.2/`.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) body: Json,
}

/// A fault to be had by the next matching requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// How many requests it meets.
    #[serde(default = "once")]
    pub(crate) count: u64,
    /// For how many seconds it meets every request, by the sandbox's clock; `count` means nothing then.
    #[serde(default)]
    pub(crate) for_s: Option<i64>,
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
    /// Which limit a throttled request exceeds.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// How much longer a slow answer takes.
    #[serde(default)]
    pub(crate) ms: u64,
    /// What a plug-in says.
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// What happens meanwhile.
    #[serde(default)]
    pub(crate) request: Option<Scripted>,
}

impl Fault {
    /// The error it is answered with; none if it does something else.
    pub(crate) fn error(&self) -> Option<ApiError> {
        let wait = self.retry_after.unwrap_or(1);
        match self.kind {
            FaultKind::Throttle => Some(match self.limit {
                Limit::Requests => ApiError::too_many_requests(6000, 300, wait),
                Limit::ExecutionTime => ApiError::too_much_time(1200, 300, wait),
                Limit::Concurrency => ApiError::too_concurrent(52, wait),
            }),
            FaultKind::Unavailable => Some(ApiError::unavailable(self.retry_after)),
            FaultKind::Deadlock => Some(ApiError::deadlock()),
            FaultKind::SqlTimeout => Some(ApiError::sql_timeout()),
            FaultKind::SolutionLock => Some(ApiError::solution_lock()),
            FaultKind::Plugin => Some(ApiError::plugin(self.message.as_deref())),
            FaultKind::OrganizationDisabled => Some(ApiError::organization_disabled()),
            FaultKind::BadGateway
            | FaultKind::GatewayTimeout
            | FaultKind::UserDisabled
            | FaultKind::ResetBefore
            | FaultKind::ResetAfter
            | FaultKind::Slow
            | FaultKind::Unauthorized
            | FaultKind::ExpiredToken
            | FaultKind::Meanwhile => None,
        }
    }
}

fn once() -> u64 {
    1
}

/// A fault and when it ends by itself.
#[derive(Debug)]
struct Pending {
    fault: Fault,
    until: Option<i64>,
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Pending>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault, now: i64) {
        let until = fault.for_s.map(|seconds| now + seconds);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Pending { fault, until });
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn pending(&self) -> Vec<Fault> {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().map(|pending| pending.fault.clone()).collect()
    }

    /// What a request on this path meets; counts it. A fault without `match` meets Web API requests only.
    pub(crate) fn meet(&self, path: &str, web_api: bool, now: i64) -> Option<Fault> {
        self.next(path, web_api, false, now)
    }

    /// What an operation inside a batch meets; counts it.
    pub(crate) fn meet_part(&self, path: &str, now: i64) -> Option<Fault> {
        self.next(path, true, true, now)
    }

    fn next(&self, path: &str, web_api: bool, part: bool, now: i64) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|pending| pending.until.is_none_or(|until| now < until));
        let mut met = None;
        for Pending { fault, until } in faults.iter_mut() {
            let matches = fault.path.as_ref().map_or(web_api, |part| path.contains(part.as_str()));
            if !matches || fault.parts != part {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.count > 0 {
                if until.is_none() {
                    fault.count -= 1;
                }
                met = Some(fault.clone());
                break;
            }
        }
        faults.retain(|pending| pending.fault.count > 0);
        met
    }
}
