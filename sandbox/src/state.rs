//! Everything a running sandbox shares between its connections.

use std::sync::Arc;

use crate::admin::{Faults, RequestLog};
use crate::clock::Clock;
use crate::entra::{Directory, Tokens};
use crate::limits::Window;
use crate::organization::Organization;

/// The state of a sandbox.
pub(crate) struct State {
    pub(crate) clock: Arc<Clock>,
    pub(crate) organization: Organization,
    pub(crate) directory: Directory,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) window: Window,
    /// URLs under which the organisation is known: the audiences of its tokens.
    pub(crate) resources: Vec<String>,
}
