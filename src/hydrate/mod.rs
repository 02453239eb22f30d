//! From hints to events: what a webhook leaves out is read through InEvent's API.
//!
//! What a body says with a time of its own counts as it is. What is read is a state: it has the time that InEvent gives it
//! (`dateUpdated`, else the `Date` header of its answer, never our clock), and says so.

mod names;
mod people;
mod statements;

use std::time::Duration;

use crate::{
    inevent::{Client, Error, decode::Hint, people::Found},
    model::{Occasion, ParticipantEvent},
    settings::document::Trigger,
};
use names::Names;
use people::People;
use statements::{Read, Saying};

/// How far an event's end may lie ahead when InEvent says that it is over.
const EARLY: Duration = Duration::from_secs(15 * 60);

/// Why a hint is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// It may pass by itself; not before the time given.
    Later(Option<Duration>),
    /// InEvent does not show yet, or no longer, what the hint says: it is looked at once more.
    LookAgain,
    /// Somebody must mend it first. In words for that person.
    Held(String),
    /// This hint only, and for good.
    Refused(String),
}

/// Completes hints. It remembers names and questions for some minutes.
#[derive(Debug)]
pub struct Hydrator {
    client: Client,
    names: Names,
    people: People,
}

/// Settles a hint without InEvent's API, where its body says enough.
pub fn without_api(hint: &Hint) -> Option<Vec<ParticipantEvent>> {
    let (event, activity) = told_occasions(hint)?;
    Saying { hint, event, activity }.by_the_body()
}

/// Event and session as the hint's own body tells them; `None` where it does not say which they are.
fn told_occasions(hint: &Hint) -> Option<(Occasion, Option<Occasion>)> {
    let event = statements::told(hint.event.as_deref()?, hint.about_event.as_ref());
    let activity = match hint.trigger.is_about_an_activity() {
        true => Some(statements::told(hint.activity.as_deref()?, hint.about_activity.as_ref())),
        false => None,
    };
    Some((event, activity))
}

impl Hydrator {
    pub fn new(client: Client) -> Self {
        Self { names: Names::new(client.clone()), people: People::start(client.clone()), client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The events that follow from a hint; none where it says nothing about a participant. `again`: it was looked at before.
    ///
    /// # Errors
    /// Why there are none yet, or never.
    pub async fn settle(&self, hint: &Hint, again: bool) -> Result<Vec<ParticipantEvent>, Unsettled> {
        if !hint.trigger.concerns_participants() {
            self.names.forget(hint.event.as_deref(), hint.activity.as_deref());
            return Ok(Vec::new());
        }
        let missing = |what: &str| Unsettled::Refused(format!("the webhook does not say which {what} is meant"));
        let event = match (&hint.event, &hint.activity) {
            (Some(event), _) => event.clone(),
            (None, Some(activity)) => {
                let known = self.named(self.names.activity(activity).await).await?;
                known.and_then(|known| known.event.clone()).ok_or_else(|| missing("event"))?
            }
            (None, None) => return Err(missing("event")),
        };
        let activity = match hint.trigger.is_about_an_activity() {
            true => Some(hint.activity.as_deref().ok_or_else(|| missing("session"))?),
            false => None,
        };
        if hint.trigger.is_about_a_person() && hint.person.is_none() {
            return Err(missing("person"));
        }
        let saying = self.saying(hint, &event, activity).await?;
        if let Some(events) = saying.by_the_body() {
            return Ok(events);
        }
        if hint.trigger == Trigger::EventEnd {
            return self.ended(&event, &saying).await;
        }
        let person = hint.person.as_deref().unwrap_or_default();
        let read = self.read(hint, &event, activity, person, again).await?;
        Ok(saying.by_what_was_read(&read))
    }

    /// The hint, with names from InEvent where its body has none.
    async fn saying<'a>(&self, hint: &'a Hint, event: &str, activity: Option<&str>) -> Result<Saying<'a>, Unsettled> {
        let mut about = statements::told(event, hint.about_event.as_ref());
        if about.name.is_none()
            && let Some(known) = self.named(self.names.event(event).await).await?
        {
            about = known.occasion.clone();
        }
        let activity = match activity {
            None => None,
            Some(id) => {
                let mut about = statements::told(id, hint.about_activity.as_ref());
                if about.name.is_none()
                    && let Some(known) = self.named(self.names.activity(id).await).await?
                {
                    about = known.occasion.clone();
                }
                Some(about)
            }
        };
        Ok(Saying { hint, event: about, activity })
    }

    async fn read(
        &self,
        hint: &Hint,
        event: &str,
        activity: Option<&str>,
        person: &str,
        again: bool,
    ) -> Result<Read, Unsettled> {
        let found = match self.people.read(event, person, hint.time, hint.trigger == Trigger::EventCheckIn).await {
            // Of old InEvent said 401 of people whom an event does not have.
            Err(Error::Unauthorized { date, .. }) if self.client.is_known().await == Ok(true) => {
                Found { item: None, date }
            }
            found => self.usable(found).await?,
        };
        let questions = match &found.item {
            Some(_) => self.named(self.names.questions(event).await).await?,
            None => None,
        };
        let mut read = Read { date: found.date, person: found.item, questions, ..Read::default() };
        use Trigger::*;
        match hint.trigger {
            EventDismissal if read.is_on_the_list() && !again => return Err(Unsettled::LookAgain),
            EventCheckIn | EventCheckOut | ActivityCheckIn | ActivityCheckOut if hint.time.is_none() => {
                let checks = self.usable(self.client.checks(event, Some(person)).await).await?;
                read.date = read.date.max(checks.date);
                read.checks = checks.items;
                if !statements::shows(hint.trigger, activity, &read) && !again {
                    return Err(Unsettled::LookAgain);
                }
            }
            ActivityEnrollment | ActivityDismissal if hint.time.is_none() => {
                let enrolment = self.client.activity_person(activity.unwrap_or_default(), person).await;
                let enrolment = self.usable(enrolment).await?;
                read.date = read.date.max(enrolment.date);
                read.enrolment = enrolment.item;
            }
            _ => {}
        }
        Ok(read)
    }

    /// An event that is over; nothing where InEvent itself says that it still goes on.
    async fn ended(&self, event: &str, saying: &Saying<'_>) -> Result<Vec<ParticipantEvent>, Unsettled> {
        let found = self.usable(self.client.event_now(event).await).await?;
        let Some(now) = found.date else { return Err(Unsettled::Later(None)) };
        let end = found.item.and_then(|event| event.end);
        if end.is_some_and(|end| end.timestamp() > now.timestamp() + EARLY) {
            tracing::warn!(event, "a webhook says that the event is over, and InEvent that it is not");
            return Ok(Vec::new());
        }
        Ok(saying.over(end.filter(|end| *end <= now).unwrap_or(now)))
    }

    /// What is cached of names; `None` where InEvent does not know it.
    async fn named<T>(&self, known: Result<T, Error>) -> Result<Option<T>, Unsettled> {
        match known {
            Err(Error::Refused { .. }) => Ok(None),
            Err(Error::Unauthorized { .. }) if self.client.is_known().await == Ok(true) => Ok(None),
            known => self.usable(known).await.map(Some),
        }
    }

    /// Sorts errors into what becomes of the hint.
    async fn usable<T>(&self, result: Result<T, Error>) -> Result<T, Unsettled> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        Err(match &error {
            Error::Unauthorized { .. } => match self.client.is_known().await {
                Ok(true) => {
                    Unsettled::Refused("InEvent does not let the connector read what the webhook is about".to_owned())
                }
                Ok(false) => Unsettled::Held(error.remedy().unwrap_or_default()),
                Err(_) => Unsettled::Later(None),
            },
            Error::RateLimited { retry_after } => Unsettled::Later(*retry_after),
            Error::Refused { status, message, .. } => {
                Unsettled::Refused(format!("InEvent answered {status}: {}", message.0))
            }
            _ => match error.remedy() {
                Some(remedy) => Unsettled::Held(remedy),
                None => Unsettled::Later(None),
            },
        })
    }
}
