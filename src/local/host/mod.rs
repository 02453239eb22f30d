//! The local host: a stand-in for the Azure Functions host, for a desk and for end-to-end tests.
//!
//! It reads the same `host.json` and `function.json` files, starts the handler as a child process with the same environment,
//! and calls it over the same protocol, byte for byte where that could be recorded: `tests/functions_host` holds it to
//! exchanges of azure-functions-host 4.1037. It scales to one instance, knows HTTP, queue and timer triggers and HTTP and
//! queue outputs, and ignores what does not concern a handler (logging, extension bundles, CORS).

mod calls;
mod clock;
mod envelope;
mod expand;
mod failure;
mod forward;
mod function;
mod handler;
mod http_trigger;
mod invoke;
mod keys;
mod log;
mod ncrontab;
mod outputs;
mod process;
mod query;
mod queue_listener;
mod queue_message;
mod retry;
mod route;
mod running;
mod schedule;
mod settings;
mod stop;
mod text_forms;
mod timer;
mod timer_state;
mod timespan;
mod timing;
mod trace;
mod wire;

use std::{io, path::PathBuf, sync::Arc};

pub use self::{
    calls::Stats,
    clock::{Clock, SystemClock},
    keys::FunctionKeys,
    log::{LogLine, LogSource},
    running::{Host, StopReason},
    timer_state::{ScheduleStatus, TimerFolder, TimerStates},
    timing::Timing,
};
use crate::queue::Queues;

/// The version of the real host that this one was checked against, as it stands in headers.
const HOST_VERSION: &str = "4.1037.0.0";

/// What a local host is started with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The folder with host.json. Functions are read from `<root>/*/function.json`, as the real host does, and from
    /// `<root>/functions/*/function.json`, which it does not.
    pub root: PathBuf,
    /// The handler, instead of `customHandler.description.defaultExecutablePath`. Its arguments still come from host.json.
    pub executable: Option<PathBuf>,
    /// App settings: they become environment variables of the handler, beside those of this process and the host's own.
    pub environment: Vec<(String, String)>,
    /// The port for clients on 127.0.0.1; 0 picks a free one.
    pub http_port: u16,
    pub keys: FunctionKeys,
    /// The account behind queue triggers and queue outputs, whatever their `connection` says.
    pub queues: Arc<dyn Queues>,
    /// Where the runs of timers are remembered, so that a run missed while the host was down is made up for.
    pub timers: Arc<dyn TimerStates>,
    pub clock: Arc<dyn Clock>,
    pub timing: Timing,
    /// Whether to send `traceparent` with described calls, as the real host does when Application Insights is configured.
    pub tracing_context: bool,
}

impl HostOptions {
    /// The functions under `root`, on a free port, without keys, with timer records in `<root>/.timers`.
    pub fn new(root: impl Into<PathBuf>, queues: Arc<dyn Queues>) -> Self {
        let root = root.into();
        Self {
            executable: None,
            environment: Vec::new(),
            http_port: 0,
            keys: FunctionKeys::default(),
            queues,
            timers: Arc::new(TimerFolder(root.join(".timers"))),
            clock: Arc::new(SystemClock),
            timing: Timing::default(),
            tracing_context: false,
            root,
        }
    }
}

/// Why a host can't be started at all. A host.json that can't be used is not among them: the host then answers every
/// request with 503, as the real one does.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("{path} is not a folder")]
    NoRoot { path: PathBuf },
    #[error("port {port} can't be listened on: {source}")]
    Port { port: u16, source: io::Error },
}

/// Starts the host and, in the background, the handler: this returns before the handler is ready.
///
/// # Errors
/// When there is no root folder or the port is taken.
pub async fn start(options: HostOptions) -> Result<Host, HostError> {
    running::start(options).await
}
