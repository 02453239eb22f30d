//! Who waits in this process for a call.

use std::collections::VecDeque;

use tokio::{sync::oneshot, time::Instant};

use super::{Permit, Priority};

const PRIORITIES: usize = 3;

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) priority: Priority,
    pub(super) gives_up: Instant,
    pub(super) grant: oneshot::Sender<Permit>,
}

/// Who waits in this process, the urgent first.
#[derive(Debug, Default)]
pub(super) struct Queue([VecDeque<Waiting>; PRIORITIES]);

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.0[waiting.priority as usize].push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.0.iter_mut().find_map(VecDeque::pop_front)
    }

    /// Lets those go whose patience is over, or who no longer wait.
    pub(super) fn tidy(&mut self, now: Instant) {
        for waiting in &mut self.0 {
            waiting.retain(|waiting| waiting.gives_up > now && !waiting.grant.is_closed());
        }
    }

    pub(super) fn most_urgent(&self) -> Option<Priority> {
        self.0.iter().flatten().map(|waiting| waiting.priority).min()
    }

    pub(super) fn first_to_give_up(&self) -> Option<Instant> {
        self.0.iter().flatten().map(|waiting| waiting.gives_up).min()
    }
}
