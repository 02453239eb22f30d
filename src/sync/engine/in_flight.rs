//! The rows of calls that are under way: two calls of one process never write the same row.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use uuid::Uuid;

/// Rows that a call under way writes.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    rows: Mutex<HashSet<Uuid>>,
    freed: Notify,
}

impl InFlight {
    /// Waits until no call writes any of these rows. They are this call's until the guard is dropped. Whoever holds rows waits for no
    /// others.
    pub(super) async fn hold(&self, rows: Vec<Uuid>) -> Held<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that no row freed in between is missed.
            freed.as_mut().enable();
            {
                let mut held = self.lock();
                if !rows.iter().any(|row| held.contains(row)) {
                    held.extend(&rows);
                    return Held { of: self, rows };
                }
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Held<'a> {
    of: &'a InFlight,
    rows: Vec<Uuid>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        self.rows.iter().for_each(|row| _ = held.remove(row));
        drop(held);
        self.of.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_waits_for_the_rows_of_another_and_for_no_others() {
        let (rows, in_flight) = ([1, 2, 3].map(Uuid::from_u128), InFlight::default());
        let first = in_flight.hold(rows[..2].to_vec()).await;
        let _other = in_flight.hold(rows[2..].to_vec()).await;
        let second = in_flight.hold(rows[1..2].to_vec());
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second.await;
    }
}
