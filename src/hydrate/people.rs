//! Reading people for many hints at once: who is asked for while an event is being read is read in the next go. Few are read one by
//! one, many by a sweep of who changed lately, a hundred a call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use tokio::sync::oneshot;

use crate::{
    inevent::{
        Client, Error,
        people::{Found, Person, Selection},
    },
    model::SourceTime,
};

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
    answer: oneshot::Sender<Answer>,
}

impl People {
    pub(super) fn start(client: Client) -> Self {
        Self { client, events: Arc::default() }
    }

    /// Somebody on the list of an event.
    pub(super) async fn read(&self, event: &str, person: &str, time: Option<SourceTime>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let question = Question { person: person.to_owned(), time, answer };
        let begin = {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = events.entry(event.to_owned()).or_default();
            asked.waiting.push(question);
            !std::mem::replace(&mut asked.reading, true)
        };
        if begin {
            tokio::spawn(read_all(self.client.clone(), self.events.clone(), event.to_owned()));
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
        let rest = match waiting.len() >= MANY && may_sweep {
            true => {
                let (rest, filtered) = sweep(&client, &event, waiting).await;
                if !filtered && let Some(asked) = events.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&event)
                {
                    asked.unfiltered = Some(Instant::now());
                }
                rest
            }
            false => waiting,
        };
        let mut known: HashMap<String, Answer> = HashMap::new();
        for question in rest {
            let found = match known.get(&question.person) {
                Some(found) => found.clone(),
                None => {
                    let found = client.person(&event, &question.person).await;
                    known.insert(question.person.clone(), found.clone());
                    found
                }
            };
            // Nobody waits any more where an invocation was given up.
            let _ = question.answer.send(found);
        }
    }
}

/// Answers those whom a list of the people changed lately holds. Gives back the others, and whether InEvent heeds the filter.
async fn sweep(client: &Client, event: &str, mut waiting: Vec<Question>) -> (Vec<Question>, bool) {
    let earliest = waiting.iter().map(|question| question.time).min().flatten();
    // Without a time the last hour is looked at; who changed before is read singly.
    let since = earliest.map_or_else(|| jiff::Timestamp::now() - SignedDuration::from_hours(1), SourceTime::timestamp)
        - OVERLAP;
    let since = SourceTime::new(since);
    let mut pages = client.people_pages(event, &Selection { since, ..Selection::ALL });
    // Not more calls than one for each.
    let mut calls = waiting.len();
    let mut filtered = true;
    while calls > 0 && !waiting.is_empty() {
        calls -= 1;
        let rows = match pages.next().await {
            Ok(Some(rows)) => rows,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, event, "people who changed could not be listed; they are read one by one");
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
    (waiting, filtered)
}
