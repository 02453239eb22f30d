//! Ten calls a second belong to the token, not to a process (developers.inevent.com, best practices): all callers of a process share
//! one [`Pacer`], and among processes one at a time has the turn, by a lease in the store.
//!
//! A call counts from before it is made until a second after it was answered, for nobody knows when it arrives in between. So
//! whatever the network does, InEvent never sees more than ten in any second.

mod queue;
mod turns;
mod window;

use std::{sync::Arc, time::Duration};

use queue::{Queue, Waiting};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
pub use turns::Terms;
use turns::Turns;
use window::{COUNTS, Window};

use super::Error;
use crate::store::Store;

/// How long nothing is called after InEvent said that it was too much.
const THROTTLED: Duration = Duration::from_secs(5);

/// How urgent a call is. The derived order is that of the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What just happened.
    Live,
    /// What is looked up again, or brought in later.
    Backfill,
    Invitations,
}

/// Admits the calls of a process. Clones are the same pacer.
#[derive(Debug, Clone)]
pub struct Pacer {
    messages: mpsc::UnboundedSender<Message>,
}

/// A call under way; it counts until a second after this is dropped.
#[derive(Debug)]
pub struct Permit {
    /// None where no call was made.
    messages: Option<mpsc::UnboundedSender<Message>>,
}

#[derive(Debug)]
enum Message {
    Wanted(Waiting),
    Answered(Instant),
    Throttled(Duration),
    Rest(oneshot::Sender<()>),
}

impl Pacer {
    /// For a process that has the token to itself.
    pub fn alone() -> Self {
        Self::start(None, COUNTS)
    }

    /// For a stand-in that takes any number of calls.
    pub fn unpaced() -> Self {
        Self::start(None, Duration::ZERO)
    }

    /// For processes that share a store and a token. `url` and `owner` (whose token it is, never the token itself) name the turn.
    pub fn shared(store: Arc<dyn Store>, url: &str, owner: &str, terms: Terms) -> Self {
        let name = Sha256::digest(format!("{} {owner}", url.trim_end_matches('/')).as_bytes());
        let name: String = name.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self::start(Some(Turns::new(store, name, terms)), COUNTS)
    }

    fn start(turns: Option<Turns>, counts: Duration) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        let weak = messages.downgrade();
        let (queue, window) = (Queue::default(), Window::new(counts));
        tokio::spawn(Actor { messages: weak, queue, window, turns, resting: Vec::new() }.run(received));
        Self { messages }
    }

    /// Waits until a call may be made.
    ///
    /// # Errors
    /// [`Error::Busy`] when it may not within `patience`.
    pub async fn admit(&self, priority: Priority, patience: Duration) -> Result<Permit, Error> {
        let (grant, granted) = oneshot::channel();
        let wanted = Waiting { priority, gives_up: Instant::now() + patience, grant };
        self.messages.send(Message::Wanted(wanted)).map_err(|_| Error::Busy)?;
        granted.await.map_err(|_| Error::Busy)
    }

    /// Gives the turn back, once nothing is under way, without waiting until it was idle for a while.
    pub async fn rest(&self) {
        let (rested, done) = oneshot::channel();
        if self.messages.send(Message::Rest(rested)).is_ok() {
            // It fails where there is nobody left who could have the turn.
            let _ = done.await;
        }
    }
}

impl Permit {
    /// InEvent said that it was too much: nothing is called for a while.
    pub fn throttled(&self, retry_after: Option<Duration>) {
        self.say(Message::Throttled(retry_after.unwrap_or(THROTTLED)));
    }

    fn say(&self, message: Message) {
        if let Some(messages) = &self.messages {
            // Nobody calls any more where nobody listens.
            let _ = messages.send(message);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.say(Message::Answered(Instant::now()));
    }
}

struct Actor {
    messages: mpsc::WeakUnboundedSender<Message>,
    queue: Queue,
    window: Window,
    /// None: the token is this process's own.
    turns: Option<Turns>,
    /// Who waits until the turn is given back.
    resting: Vec<oneshot::Sender<()>>,
}

impl Actor {
    async fn run(mut self, mut received: mpsc::UnboundedReceiver<Message>) {
        loop {
            let wake = self.act().await;
            let message = match wake {
                None => received.recv().await.map(Some),
                Some(at) => match tokio::time::timeout_at(at, received.recv()).await {
                    Ok(message) => message.map(Some),
                    Err(_) => Some(None),
                },
            };
            match message {
                // Nobody is left who could call.
                None => break,
                Some(message) => message.into_iter().for_each(|message| self.take(message)),
            }
            while let Ok(message) = received.try_recv() {
                self.take(message);
            }
        }
        self.give_back().await;
    }

    async fn give_back(&mut self) {
        if let Some(turns) = &mut self.turns {
            turns.give_back().await;
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Wanted(waiting) => self.queue.push(waiting),
            Message::Answered(at) => {
                self.window.end(at);
                if let Some(turns) = &mut self.turns {
                    turns.called(at);
                }
            }
            Message::Throttled(wait) => self.window.pause(Instant::now() + wait),
            Message::Rest(rested) => self.resting.push(rested),
        }
    }

    /// Does what can be done now; says when there is something to do without a message.
    async fn act(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.queue.tidy(now);
        if !self.resting.is_empty() && self.window.under_way == 0 && self.queue.most_urgent().is_none() {
            self.give_back().await;
            self.resting.drain(..).for_each(|rested| _ = rested.send(()));
        }
        let (wanted, under_way) = (self.queue.most_urgent(), self.window.under_way > 0);
        let turn = match &mut self.turns {
            Some(turns) => turns.look(wanted, under_way, now).await,
            None => None,
        };
        let now = Instant::now();
        let mut wake = [turn, self.queue.first_to_give_up()].into_iter().flatten().min();
        if self.turns.as_ref().is_none_or(|turns| turns.may_call(now)) {
            while self.queue.most_urgent().is_some() {
                if let Some(wait) = self.window.wait(now) {
                    wake = wake.into_iter().chain(wait).min();
                    break;
                }
                self.grant_next();
            }
        }
        wake
    }

    fn grant_next(&mut self) {
        let (Some(waiting), Some(messages)) = (self.queue.pop(), self.messages.upgrade()) else { return };
        self.window.begin();
        if let Err(mut unwanted) = waiting.grant.send(Permit { messages: Some(messages) }) {
            // No call was made by it.
            unwanted.messages = None;
            self.window.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

    use super::{window::CALLS, *};

    #[tokio::test]
    async fn the_urgent_go_first_and_who_has_no_patience_gives_up() {
        let pacer = Pacer::start(None, Duration::from_millis(20));
        let long = Duration::from_secs(600);
        let mut under_way = Vec::new();
        for _ in 0..CALLS {
            under_way.push(pacer.admit(Priority::Live, long).await.unwrap());
        }
        assert_eq!(pacer.admit(Priority::Live, Duration::from_millis(1)).await.unwrap_err(), Error::Busy);
        let mut waits: FuturesUnordered<_> = [Priority::Invitations, Priority::Backfill, Priority::Live]
            .into_iter()
            .map(|priority| pacer.admit(priority, long).map(move |permit| (priority, permit.unwrap())))
            .collect();
        assert!(futures_util::poll!(waits.next()).is_pending());
        for expected in [Priority::Live, Priority::Backfill, Priority::Invitations] {
            under_way.pop();
            let (priority, permit) = waits.next().await.unwrap();
            assert_eq!(priority, expected);
            under_way.insert(0, permit);
        }
    }

    #[tokio::test]
    async fn after_a_refusal_nothing_is_called_for_a_while() {
        let pacer = Pacer::start(None, Duration::from_millis(20));
        let permit = pacer.admit(Priority::Live, Duration::from_secs(60)).await.unwrap();
        let begun = Instant::now();
        permit.throttled(Some(Duration::from_millis(200)));
        drop(permit);
        pacer.admit(Priority::Live, Duration::from_secs(60)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }
}
