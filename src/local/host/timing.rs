//! The real host's fixed times, in one place so that a test can shorten them.

use std::time::Duration;

/// Times that no setting changes on the real host. The default is what it does.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Between two `GET /` while the handler starts: 25 ms.
    pub ready_poll: Duration,
    /// How long a started handler may take to answer the first `GET /`: 30 s.
    pub ready_timeout: Duration,
    /// Between the end of a handler and the start of the next: 0.3 s.
    pub restart_delay: Duration,
    /// An error longer ago than this does not count towards the three that stop the host: 30 minutes.
    pub error_memory: Duration,
    /// For how long a fetched queue message is hidden, renewed at half time: 10 minutes.
    pub fetch_visibility: Duration,
    /// The pause after the first empty look into a queue, doubled with each further one: 100 ms.
    pub min_polling_interval: Duration,
    /// The pause never grows beyond this, whatever `maxPollingInterval` says: 2 s, as on a developer's machine.
    pub max_polling_interval: Duration,
    /// How long [`Host::stop`](super::Host::stop) waits for running calls: 10 s.
    pub stop_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ready_poll: Duration::from_millis(25),
            ready_timeout: Duration::from_secs(30),
            restart_delay: Duration::from_millis(300),
            error_memory: Duration::from_secs(30 * 60),
            fetch_visibility: Duration::from_secs(600),
            min_polling_interval: Duration::from_millis(100),
            max_polling_interval: Duration::from_secs(2),
            stop_grace: Duration::from_secs(10),
        }
    }
}
