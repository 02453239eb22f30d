//! Why a call failed.

use std::time::Duration;

use super::{
    handler::Gone,
    timespan,
    wire::{self, WireError},
};

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("System.Net.Http.HttpRequestException: Response status code does not indicate success: {0} ({reason}).", reason = wire::reason(*.0))]
    Status(u16),
    /// The answer can't be read as one.
    #[error("Invalid HttpResponseMessage: {0}")]
    Answer(String),
    #[error("System.Net.Http.HttpRequestException: {0}")]
    Wire(#[from] WireError),
    /// The handler was killed for it.
    #[error("Timeout value of {span} was exceeded by function", span = timespan::show(*.0))]
    TimedOut(Duration),
    /// The trigger's value can't be handed over; the handler was not called.
    #[error("Exception binding parameter: {0}")]
    Binding(String),
    #[error("{0}")]
    Output(String),
    #[error("{0}")]
    Stopping(#[from] Gone),
}

impl Failure {
    /// The lines that follow "Executed … (Failed …)" in the log.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            // The real host prints this chain of exceptions twice, and only this line of it is worth keeping.
            Self::Answer(why) => {
                let line = "---> System.InvalidOperationException: Invalid HttpResponseMessage:";
                vec![line.to_owned(), why.clone(), line.to_owned()]
            }
            other => vec![other.to_string()],
        }
    }
}
