//! Several handler processes on one CRM and one store, each with several batches under way, run step by step in a generated order.
//! Some die on the way: what they had taken from the queue comes again.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{future::BoxFuture, task::noop_waker_ref};
use inevent_d365::{
    model::ParticipantEvent,
    sync::{
        closings::{self, Conclusion},
        coalesce::lanes::{self, Lanes, Needs},
        current::CurrentSettings,
        engine::{Engine, Scope},
        lists::{self, Lists},
        outcome::{Outcome, Report},
    },
};

use crate::{crm::MemoryCrm, histories::Delivery, settings::Fixed, store::MemoryStore};

/// A small generator of numbers (xorshift), so that a failing case is the same case when it is run again.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }
}

/// A point at which another process may go on.
pub async fn step() {
    let mut passed = false;
    std::future::poll_fn(|context| {
        // Futures that are polled together are polled again only when they ask for it.
        context.waker().wake_by_ref();
        if std::mem::replace(&mut passed, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Delivers into a fresh CRM.
pub fn deliver(events: &[ParticipantEvent], how: &Delivery) -> MemoryCrm {
    run(MemoryCrm::seeded(), Arc::default(), Rc::default(), events, how)
}

/// Delivers into a CRM that holds something already, one part after the other; the store knows nothing yet.
pub fn deliver_into(crm: &MemoryCrm, parts: &[&[ParticipantEvent]], how: &Delivery) -> MemoryCrm {
    let store = Arc::new(MemoryStore::default());
    for part in parts {
        run(crm.clone(), store.clone(), Rc::default(), part, how);
    }
    crm.clone()
}

/// A CRM and a store that several deliveries come into.
pub struct Delivered {
    crm: MemoryCrm,
    store: Arc<MemoryStore>,
    outcomes: Rc<RefCell<Outcomes>>,
}

impl Delivered {
    pub fn into(crm: &MemoryCrm) -> Self {
        Self { crm: crm.clone(), store: Arc::default(), outcomes: Rc::default() }
    }

    pub fn run(&self, events: &[ParticipantEvent], how: &Delivery) {
        run(self.crm.clone(), self.store.clone(), self.outcomes.clone(), events, how);
    }

    /// Why events were parked, by their id.
    pub fn parked(&self) -> BTreeMap<String, String> {
        self.outcomes.borrow().parked.clone()
    }

    /// The events of which something was written at one time, or nothing was to be.
    pub fn settled(&self) -> BTreeSet<String> {
        self.outcomes.borrow().settled.clone()
    }
}

/// The most processes that die.
const DEATHS: usize = 3;
/// How often a process looks at who waits for a list.
const LOOKS: usize = 10;
/// What was under way counts as abandoned by then (`sync/lists/memory.rs`), in milliseconds.
const LONG: i64 = 11 * 60_000;
/// How long a step takes.
const STEP: i64 = 100;

fn run(
    mut crm: MemoryCrm,
    store: Arc<MemoryStore>,
    outcomes: Rc<RefCell<Outcomes>>,
    events: &[ParticipantEvent],
    how: &Delivery,
) -> MemoryCrm {
    let chance = Arc::new(Mutex::new(Chance::new(how.seed)));
    crm.chance = how.faults.then(|| chance.clone());
    let queue: Queue = Rc::new(RefCell::new(events.iter().cloned().collect()));
    let start = |crm: &MemoryCrm| {
        let settings = CurrentSettings::kept(Arc::new(Fixed(how.settings)));
        let crm = crm.for_process(how.lanes);
        let engine = Engine::new(Arc::new(crm.clone()), store.clone(), "t".into()).with_settings(settings);
        let lists = Lists::new(Arc::new(crm.clone()), store.clone());
        let engine = engine.with_conclusion(how.conclusion).with_clock(now, pause).with_lists(lists);
        let taken = Taken::default();
        let messages = Messages { queue: queue.clone(), taken: taken.clone(), outcomes: outcomes.clone() };
        let work = process(engine, store.clone(), messages, chance.clone(), *how);
        (Box::pin(work) as Pin<Box<dyn Future<Output = ()>>>, taken)
    };
    let mut processes: Vec<_> = (0..how.processes).map(|_| start(&crm)).collect();
    let mut context = Context::from_waker(noop_waker_ref());
    let (mut steps, mut deaths) = (0, 0);
    while !processes.is_empty() {
        let below = |limit| chance.lock().unwrap().below(limit);
        let next = below(processes.len());
        if how.deaths && deaths < DEATHS && below(200) == 0 {
            let (dead, taken) = std::mem::replace(&mut processes[next], start(&crm));
            drop(dead);
            deaths += 1;
            queue.borrow_mut().extend(taken.take());
        }
        if below(20) == 0 {
            crm.one_late_call(below(3) == 0);
        }
        if processes[next].0.as_mut().poll(&mut context).is_ready() {
            drop(processes.swap_remove(next));
        }
        steps += 1;
        NOW.set(NOW.get() + STEP);
        assert!(steps < 2_000_000, "the processes do not come to an end");
    }
    // Calls that nobody saw an answer to, and what dead processes left, are looked at once they are surely over.
    while crm.one_late_call(false) {}
    NOW.set(NOW.get() + LONG);
    crm.chance = None;
    let (last, _) = start(&crm);
    let mut last = pin!(async {
        last.await;
        lists::noted(&*store, None).await.unwrap().0
    });
    loop {
        if let Poll::Ready(waiting) = last.as_mut().poll(&mut context) {
            assert!(waiting.is_empty(), "nobody waits for a list for ever: {waiting:?}");
            return crm;
        }
    }
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(1_000_000_000) };
}

/// All histories happen long before.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(NOW.get()).unwrap()
}

fn pause(duration: Duration) -> BoxFuture<'static, ()> {
    let until = NOW.get() + duration.as_millis() as i64;
    Box::pin(async move {
        while NOW.get() < until {
            step().await;
        }
    })
}

/// What waits for a process.
type Queue = Rc<RefCell<VecDeque<ParticipantEvent>>>;

/// What a process has taken from the queue and not settled yet.
type Taken = Rc<RefCell<Vec<ParticipantEvent>>>;

/// What became of events, by their id; of one that came twice, both.
#[derive(Debug, Default)]
struct Outcomes {
    /// Why they were parked.
    parked: BTreeMap<String, String>,
    settled: BTreeSet<String>,
}

/// Where a process takes events from, and what becomes of them.
struct Messages {
    queue: Queue,
    taken: Taken,
    outcomes: Rc<RefCell<Outcomes>>,
}

/// A batch under way.
struct UnderWay<'a> {
    batch: lanes::Taken<ParticipantEvent>,
    written: Pin<Box<dyn Future<Output = (Vec<ParticipantEvent>, Report)> + 'a>>,
}

/// Takes batches until nothing is left; what is postponed goes back. Now and then, and at the end, the timer concludes from what is
/// over, while no batch is under way.
async fn process(
    engine: Engine,
    store: Arc<MemoryStore>,
    Messages { queue, taken, outcomes }: Messages,
    chance: Arc<Mutex<Chance>>,
    how: Delivery,
) {
    let (mut lanes, mut under_way) = (Lanes::default(), Vec::<UnderWay>::new());
    let below = |limit| chance.lock().unwrap().below(limit);
    let mut concludes = false;
    loop {
        while !concludes && lanes.batches() < how.lanes {
            let size = 1 + below(how.batch);
            while lanes.waiting() < size
                && let Some(event) = { queue.borrow_mut().pop_front() }
            {
                taken.borrow_mut().push(event.clone());
                let rules = engine.rules().await.unwrap();
                lanes.push(Scope::Everything, Needs::of(&event, Some(&rules)), event);
            }
            let Some(mut batch) = lanes.take(size, 1) else { break };
            let (events, engine) = (std::mem::take(&mut batch.work), &engine);
            let written = Box::pin(async move {
                let report = engine.run(&events).await;
                (events, report)
            });
            under_way.push(UnderWay { batch, written });
            concludes = how.conclusion == Conclusion::WhenTold && below(8) == 0;
        }
        if under_way.is_empty() {
            if how.conclusion == Conclusion::WhenTold {
                conclude(&engine, &store).await;
            }
            if std::mem::take(&mut concludes) || lanes.waiting() > 0 {
                continue;
            }
            // The timer again: who could not be put on a list, or taken off, is looked at again.
            let mut looks = 0;
            while looks < LOOKS && !lists::noted(&*store, None).await.unwrap().0.is_empty() {
                let _ = engine.complete_lists().await;
                step().await;
                looks += 1;
            }
            if queue.borrow().is_empty() {
                return;
            }
            continue;
        }
        let (place, (events, report)) = poll_fn(|context| {
            let place = below(under_way.len());
            under_way[place].written.as_mut().poll(context).map(|written| (place, written))
        })
        .await;
        lanes.done(&under_way.swap_remove(place).batch);
        for (event, outcome) in events.into_iter().zip(report.outcomes) {
            let place = taken.borrow().iter().position(|taken| taken.id == event.id).unwrap();
            taken.borrow_mut().swap_remove(place);
            match outcome {
                Outcome::Settled { .. } => _ = outcomes.borrow_mut().settled.insert(event.id),
                Outcome::Postponed(_) => queue.borrow_mut().push_back(event),
                // Refused by a required mapping, or taken for a duplicate.
                Outcome::Refused(refusal) if how.modes() && refusal.code.is_none() => {
                    outcomes.borrow_mut().parked.insert(event.id, refusal.reason);
                }
                Outcome::Refused(refusal) => panic!("nothing is refused here: {}", refusal.reason),
            }
        }
        step().await;
    }
}

/// What the timer does with closings that wait.
async fn conclude(engine: &Engine, store: &MemoryStore) {
    for waiting in closings::waiting(store).await.unwrap() {
        closings::conclude(store, &waiting.closed).await.unwrap();
        loop {
            match &engine.sweep(&waiting.closed).await.outcomes[..] {
                [Outcome::Settled { .. }] => break,
                [Outcome::Postponed(_)] => step().await,
                other => panic!("{other:?}"),
            }
        }
        closings::swept(store, &waiting.closed).await.unwrap();
    }
}
