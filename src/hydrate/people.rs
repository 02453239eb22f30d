//! Reading people for many hints at once: who is asked for while an event is being read is read in the next go. Few are read one by
//! one, many by a sweep of who changed lately, a hundred a call; who checked in also by a list of who is there, for a check-in may be
//! no change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::{
    inevent::{
        Client, Error,
        people::{Found, Person, Selection},
    },
    model::SourceTime,
};

/// Reads of single people under way at the same time.
const AT_ONCE: usize = 10;
/// From so many on a sweep is cheaper.
const MANY: usize = 5;
/// How far a sweep looks back before the earliest time that is known.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// How long an event is not swept again where InEvent listed people who had not changed: it does not heed the filter.
const UNFILTERED: Duration = Duration::from_secs(60 * 60);

type Answer = Result<Found<Person>, Error>;

#[derive(Debug)]
pub(super) struct People {
    client: Client,
    events: Arc<Mutex<HashMap<String, Asked>>>,
}

/// What is asked of one event.
#[derive(Debug, Default)]
struct Asked {
    waiting: Vec<Question>,
    /// Whether somebody reads.
    reading: bool,
    unfiltered: Option<Instant>,
}

#[derive(Debug)]
struct Question {
    person: String,
    /// When the person was changed, as far as a hint says.
    time: Option<SourceTime>,
    /// Whether they are at the event, as far as the hint says.
    present: bool,
    answer: oneshot::Sender<Answer>,
}

impl People {
    pub(super) fn start(client: Client) -> Self {
        Self { client, events: Arc::default() }
    }

    /// Somebody on the list of an event. `time` and `present` are what is known of them, and only help to find them with few calls.
    pub(super) async fn read(&self, event: &str, person: &str, time: Option<SourceTime>, present: bool) -> Answer {
        let (answer, answered) = oneshot::channel();
        let question = Question { person: person.to_owned(), time, present, answer };
        let begin = {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = events.entry(event.to_owned()).or_default();
            asked.waiting.push(question);
            !std::mem::replace(&mut asked.reading, true)
        };
        if begin {
            let read = read_all(self.client.clone(), self.events.clone(), event.to_owned());
            tokio::spawn(read.in_current_span());
        }
        answered.await.unwrap_or_else(|_| Err(Error::Unavailable("the reader ended unexpectedly".to_owned())))
    }
}

/// Answers until nobody asks any more.
async fn read_all(client: Client, events: Arc<Mutex<HashMap<String, Asked>>>, event: String) {
    // What was asked at the same moment is read in one go.
    tokio::task::yield_now().await;
    loop {
        let (waiting, may_sweep) = {
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(asked) = events.get_mut(&event) else { return };
            let may_sweep = asked.unfiltered.is_none_or(|at| at.elapsed() >= UNFILTERED);
            if asked.waiting.is_empty() {
                asked.reading = false;
                if may_sweep {
                    events.remove(&event);
                }
                return;
            }
            (std::mem::take(&mut asked.waiting), may_sweep)
        };
        let mut rest = waiting;
        if rest.len() >= MANY && may_sweep {
            let selection = Selection { since: changed_since(&rest), ..Selection::ALL };
            let swept = sweep(&client, &event, selection, rest).await;
            if !swept.filtered
                && let Some(asked) = events.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&event)
            {
                asked.unfiltered = Some(Instant::now());
            }
            rest = swept.rest;
        }
        let (present, mut rest) = rest.into_iter().partition::<Vec<_>, _>(|question| question.present);
        rest.extend(match present.len() >= MANY {
            true => sweep(&client, &event, Selection { selection: "present", ..Selection::ALL }, present).await.rest,
            false => present,
        });
        let mut singly: HashMap<String, Vec<Question>> = HashMap::new();
        for question in rest {
            singly.entry(question.person.clone()).or_default().push(question);
        }
        let reads =
            singly.into_iter().map(async |(person, questions)| (client.person(&event, &person).await, questions));
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some((found, questions)) = reads.next().await {
            for question in questions {
                // Nobody waits any more where an invocation was given up.
                let _ = question.answer.send(found.clone());
            }
        }
    }
}

/// Since when all of them have changed. Without a time the last hour is looked at; who changed before is read singly.
fn changed_since(waiting: &[Question]) -> Option<SourceTime> {
    let earliest = waiting.iter().map(|question| question.time).min().flatten();
    let since = earliest.map_or_else(|| jiff::Timestamp::now() - SignedDuration::from_hours(1), SourceTime::timestamp);
    SourceTime::new(since - OVERLAP)
}

/// What a sweep left.
struct Swept {
    rest: Vec<Question>,
    /// Whether InEvent heeds the filter of who changed.
    filtered: bool,
}

/// Answers those whom a list holds.
async fn sweep(client: &Client, event: &str, selection: Selection<'_>, mut waiting: Vec<Question>) -> Swept {
    let since = selection.since;
    let mut pages = client.people_pages(event, &selection);
    // Not more calls than one for each.
    let mut calls = waiting.len();
    let mut filtered = true;
    while calls > 0 && !waiting.is_empty() {
        calls -= 1;
        let rows = match pages.next().await {
            Ok(Some(rows)) => rows,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, event, "people could not be listed; they are read one by one");
                break;
            }
        };
        let date = pages.date();
        for person in rows.into_iter().filter_map(Person::read) {
            filtered &= person.updated.is_none_or(|updated| Some(updated) >= since);
            let (asked, others) = waiting.into_iter().partition::<Vec<_>, _>(|question| question.person == person.id);
            waiting = others;
            for question in asked {
                let _ = question.answer.send(Ok(Found { item: Some(person.clone()), date }));
            }
        }
        if !filtered {
            break;
        }
    }
    Swept { rest: waiting, filtered }
}
