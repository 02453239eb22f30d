//! Ten calls a second belong to the token, not to a process (developers.inevent.com, best practices): all callers of a process share
//! one [`Pacer`], and among processes one at a time has the turn, by a lease in the store.
//!
//! A call counts from before it is made until a second after it was answered, for nobody knows when it arrives in between. So
//! whatever the network does, InEvent never sees more than ten in any second.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use super::Error;
use crate::store::{Key, Lease, Store, StoreError};

/// Calls in a second.
const CALLS: usize = 10;
/// How long after its answer a call counts: a second, and a little for clocks that are not the same.
const COUNTS: Duration = Duration::from_millis(1_050);
/// How long nothing is called after InEvent said that it was too much.
const THROTTLED: Duration = Duration::from_secs(5);
/// Who waits for the turn is kept beside the lease.
const KIND: &str = "leases";

/// How urgent a call is. The derived order is that of the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What just happened.
    Live,
    /// What is looked up again, or brought in later.
    Backfill,
    Invitations,
}

const PRIORITIES: usize = 3;

/// How processes take turns.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long the turn of a process that died still counts.
    pub ttl: Duration,
    /// How long a turn is kept without a call.
    pub idle: Duration,
    /// How long a turn lasts at most while another process waits for something as urgent.
    pub slice: Duration,
    /// How often a waiting process looks whether it is its turn.
    pub look: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(15),
            idle: Duration::from_secs(2),
            slice: Duration::from_secs(20),
            look: Duration::from_secs(1),
        }
    }
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

#[derive(Debug)]
struct Waiting {
    priority: Priority,
    gives_up: Instant,
    grant: oneshot::Sender<Permit>,
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
        Self::start(Some(Turns { store, name, process: Uuid::new_v4().to_string(), terms, wanted: None }), COUNTS)
    }

    fn start(turns: Option<Turns>, counts: Duration) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        let weak = messages.downgrade();
        let (queue, window) = (Queue::default(), Window::new(counts));
        tokio::spawn(
            Actor { messages: weak, queue, window, turns, turn: Turn::None, resting: Vec::new() }.run(received),
        );
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

/// Which calls InEvent may have seen in the last second.
#[derive(Debug)]
struct Window {
    /// How long after its answer a call counts.
    counts: Duration,
    under_way: usize,
    /// When those that are answered stop to count, in order.
    counting: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Window {
    fn new(counts: Duration) -> Self {
        Self { counts, under_way: 0, counting: VecDeque::new(), paused_until: None }
    }

    /// `None`: now. Otherwise when to look again, or never before a call is answered.
    fn wait(&mut self, now: Instant) -> Option<Option<Instant>> {
        while self.counting.front().is_some_and(|end| *end <= now) {
            self.counting.pop_front();
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Some(Some(until));
        }
        (self.under_way + self.counting.len() >= CALLS).then(|| self.counting.front().copied())
    }

    fn begin(&mut self) {
        self.under_way += 1;
    }

    fn end(&mut self, at: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.counting.push_back(at + self.counts);
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

/// Who waits in this process, the urgent first.
#[derive(Debug, Default)]
struct Queue([VecDeque<Waiting>; PRIORITIES]);

impl Queue {
    fn push(&mut self, waiting: Waiting) {
        self.0[waiting.priority as usize].push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        self.0.iter_mut().find_map(VecDeque::pop_front)
    }

    /// Lets those go whose patience is over, or who no longer wait.
    fn tidy(&mut self, now: Instant) {
        for waiting in &mut self.0 {
            waiting.retain(|waiting| waiting.gives_up > now && !waiting.grant.is_closed());
        }
    }

    fn most_urgent(&self) -> Option<Priority> {
        self.0.iter().flatten().map(|waiting| waiting.priority).min()
    }

    fn first_to_give_up(&self) -> Option<Instant> {
        self.0.iter().flatten().map(|waiting| waiting.gives_up).min()
    }
}

/// Whether this process may call.
#[derive(Debug)]
enum Turn {
    /// It was not asked for, or others have it; when to ask again.
    None,
    NotBefore(Instant),
    Ours(Ours),
}

#[derive(Debug)]
struct Ours {
    lease: Lease,
    since: Instant,
    /// Whoever had it before may have called just then.
    first_call: Instant,
    last_call: Instant,
    renew_at: Instant,
    /// Another process goes first: no new calls.
    yielding: bool,
}

struct Actor {
    messages: mpsc::WeakUnboundedSender<Message>,
    queue: Queue,
    window: Window,
    /// None: the token is this process's own.
    turns: Option<Turns>,
    turn: Turn,
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
        if let (Turn::Ours(ours), Some(turns)) = (std::mem::replace(&mut self.turn, Turn::None), &self.turns) {
            turns.release(ours.lease).await;
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Wanted(waiting) => self.queue.push(waiting),
            Message::Answered(at) => {
                self.window.end(at);
                if let Turn::Ours(ours) = &mut self.turn {
                    ours.last_call = at;
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
        let turn = self.take_turns(now).await;
        let now = Instant::now();
        let mut wake = [turn, self.queue.first_to_give_up()].into_iter().flatten().min();
        if self.may_call(now) {
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

    fn may_call(&self, now: Instant) -> bool {
        match (&self.turns, &self.turn) {
            (None, _) => true,
            (Some(_), Turn::Ours(ours)) => {
                !ours.yielding && now >= ours.first_call && ours.lease.is_held(Timestamp::now())
            }
            (Some(_), _) => false,
        }
    }

    /// Takes, keeps or gives back the turn among processes; says when to look again.
    async fn take_turns(&mut self, now: Instant) -> Option<Instant> {
        let turns = self.turns.as_mut()?;
        let wanted = self.queue.most_urgent();
        match std::mem::replace(&mut self.turn, Turn::None) {
            Turn::NotBefore(at) if at > now && wanted.is_some() => {
                self.turn = Turn::NotBefore(at);
                Some(at)
            }
            Turn::None | Turn::NotBefore(_) => {
                let priority = wanted?;
                self.turn = match turns.acquire(priority).await {
                    Ok(Some(lease)) => {
                        let now = Instant::now();
                        Turn::Ours(Ours {
                            lease,
                            since: now,
                            first_call: now + COUNTS,
                            last_call: now + COUNTS,
                            renew_at: now + turns.terms.ttl / 3,
                            yielding: false,
                        })
                    }
                    Ok(None) => Turn::NotBefore(Instant::now() + turns.terms.look),
                    Err(error) => {
                        tracing::warn!(%error, "the turn to call InEvent could not be asked for");
                        Turn::NotBefore(Instant::now() + turns.terms.look)
                    }
                };
                match &self.turn {
                    Turn::Ours(ours) => Some(ours.first_call),
                    Turn::NotBefore(at) => Some(*at),
                    Turn::None => None,
                }
            }
            Turn::Ours(mut ours) => {
                let terms = turns.terms;
                if now >= ours.renew_at && !ours.yielding {
                    match turns.keep(&mut ours, wanted, now).await {
                        Ok(true) => ours.renew_at = Instant::now() + terms.ttl / 3,
                        // It ran out, as after a long sleep of the machine: others may call.
                        Ok(false) => {
                            self.turn = Turn::NotBefore(Instant::now() + terms.look);
                            return Some(Instant::now() + terms.look);
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the turn to call InEvent could not be kept");
                            ours.renew_at = Instant::now() + terms.look;
                        }
                    }
                }
                let idle = wanted.is_none() && now >= ours.last_call + terms.idle;
                if self.window.under_way == 0 && (idle || ours.yielding) {
                    let again = if ours.yielding { 3 * terms.look } else { Duration::ZERO };
                    turns.release(ours.lease).await;
                    self.turn = Turn::NotBefore(Instant::now() + again);
                    return wanted.map(|_| Instant::now() + again);
                }
                let mut wake = ours.renew_at;
                if ours.first_call > now {
                    wake = wake.min(ours.first_call);
                }
                if wanted.is_none() && self.window.under_way == 0 {
                    wake = wake.min(ours.last_call + terms.idle);
                }
                self.turn = Turn::Ours(ours);
                Some(wake)
            }
        }
    }
}

/// The turns of the processes that share a token: a lease, and beside it who waits for it with what.
struct Turns {
    store: Arc<dyn Store>,
    name: String,
    process: String,
    terms: Terms,
    /// What this process said that it waits for, and when.
    wanted: Option<(Priority, Timestamp)>,
}

impl Turns {
    async fn acquire(&mut self, priority: Priority) -> Result<Option<Lease>, StoreError> {
        let name = format!("inevent-{}", self.name);
        match Lease::acquire(&*self.store, &name, &self.process, self.terms.ttl, Timestamp::now()).await? {
            Some(lease) => {
                if self.wanted.take().is_some() {
                    self.store.delete(&self.key(), None).await?;
                }
                Ok(Some(lease))
            }
            None => {
                self.say_that_we_wait(priority).await?;
                Ok(None)
            }
        }
    }

    /// Told again every few seconds, so that what a dead process waited for is soon forgotten.
    async fn say_that_we_wait(&mut self, priority: Priority) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let told = |(known, at): (Priority, Timestamp)| {
            known <= priority && now.duration_since(at) < seconds(self.terms.ttl / 3)
        };
        if self.wanted.is_some_and(told) {
            return Ok(());
        }
        self.wanted = Some((priority, now));
        self.store.put(&self.key(), &json!({ "priority": priority as u8, "at": now })).await.map(drop)
    }

    /// Holds on to the turn; `false` when somebody else has it.
    async fn keep(&self, ours: &mut Ours, wanted: Option<Priority>, now: Instant) -> Result<bool, StoreError> {
        if !ours.lease.renew(&*self.store, self.terms.ttl, Timestamp::now()).await? {
            return Ok(false);
        }
        let others = self.others().await?;
        ours.yielding = match (others, wanted) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(other), Some(own)) => other < own || (other == own && now >= ours.since + self.terms.slice),
        };
        Ok(true)
    }

    /// The most urgent of what other processes wait for.
    async fn others(&self) -> Result<Option<Priority>, StoreError> {
        let now = Timestamp::now();
        let mut urgent = None;
        for record in self.store.list(KIND, Some(&self.waiting()), 1_000, None).await?.records {
            let at = record.value["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            let priority = match record.value["priority"].as_u64() {
                Some(0) => Priority::Live,
                Some(1) => Priority::Backfill,
                _ => Priority::Invitations,
            };
            match at {
                Some(at) if now.duration_since(at) < seconds(self.terms.ttl) => {
                    if record.key.row != self.process {
                        urgent = Some(urgent.map_or(priority, |known: Priority| known.min(priority)));
                    }
                }
                _ => self.store.delete(&record.key, None).await?,
            }
        }
        Ok(urgent)
    }

    async fn release(&self, lease: Lease) {
        if let Err(error) = lease.release(&*self.store).await {
            tracing::warn!(%error, "the turn to call InEvent could not be given back; it runs out");
        }
    }

    fn waiting(&self) -> String {
        format!("waiting-{}", self.name)
    }

    fn key(&self) -> Key {
        Key::new(KIND, self.waiting(), self.process.clone())
    }
}

fn seconds(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever each call takes on its way there and back, InEvent sees no more than ten in any second.
        #[test]
        fn no_second_sees_more_than_ten_calls(ways in prop::collection::vec((0_u64..3_000, 0_u64..3_000), 1..200)) {
            let begun = Instant::now();
            let at = |millis| begun + Duration::from_millis(millis);
            let (mut window, mut now, mut arrived, mut answers) = (Window::new(COUNTS), 0, Vec::new(), Vec::<u64>::new());
            let mut ways = ways.into_iter();
            let mut next = ways.next();
            while let Some((there, back)) = next {
                answers.sort_unstable();
                while answers.first().is_some_and(|answer| *answer <= now) {
                    window.end(at(answers.remove(0)));
                }
                match window.wait(at(now)) {
                    None => {
                        window.begin();
                        arrived.push(now + there);
                        answers.push(now + there + back);
                        next = ways.next();
                    }
                    Some(_) => now += 1,
                }
            }
            arrived.sort_unstable();
            for calls in arrived.windows(CALLS + 1) {
                prop_assert!(calls[CALLS] - calls[0] > 1_000, "{calls:?}");
            }
        }
    }

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
