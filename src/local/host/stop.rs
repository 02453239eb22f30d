//! The wish that the host stop, as its tasks see it.

use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(super) fn of(stopping: &watch::Sender<bool>) -> Self {
        Self(stopping.subscribe())
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the host is to stop; at once if it was before.
    pub(super) async fn asked(&mut self) {
        // A host that is gone without a word wants its tasks to end too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
