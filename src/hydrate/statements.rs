//! What follows from a hint, and from what was read about it. No I/O.

use std::sync::Arc;

use crate::{
    inevent::{
        Row,
        attendance::{Check, Direction},
        decode::Hint,
        people::Person,
        questions::Question,
        translate,
    },
    model::{Kind, Occasion, Participant, ParticipantEvent, SourceTime},
    settings::document::Trigger,
};

/// A hint, and what its event and session are called.
#[derive(Debug)]
pub(super) struct Saying<'a> {
    pub(super) hint: &'a Hint,
    pub(super) event: Occasion,
    pub(super) activity: Option<Occasion>,
}

/// What InEvent's API says about the person of a hint.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// Who they are; `None`: they are not on the event's list.
    pub(super) person: Option<Person>,
    pub(super) questions: Option<Arc<Vec<Question>>>,
    pub(super) checks: Vec<Check>,
    /// Their place on the list of the session, where that was asked for.
    pub(super) enrolment: Option<Person>,
    /// When InEvent said so.
    pub(super) date: Option<SourceTime>,
}

impl Read {
    pub(super) fn is_on_the_list(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.approved != Some(false))
    }

    /// When the person's state was as it was read.
    fn since(&self) -> Option<SourceTime> {
        self.person.as_ref().and_then(|person| person.updated).or(self.date)
    }
}

/// An event or session as a body tells it.
pub(super) fn told(id: &str, row: Option<&Row>) -> Occasion {
    let time = |field| row.and_then(|row| row.time(&[field]));
    let name = row.and_then(|row| row.text(&["name", "title"]));
    translate::occasion(id, name.as_deref(), time("dateBegin"), time("dateEnd"))
}

/// The direction that a trigger tells of.
fn direction(trigger: Trigger) -> Option<Direction> {
    match trigger {
        Trigger::EventCheckIn | Trigger::ActivityCheckIn => Some(Direction::In),
        Trigger::EventCheckOut | Trigger::ActivityCheckOut => Some(Direction::Out),
        _ => None,
    }
}

/// Whether what was read shows what the trigger tells.
pub(super) fn shows(trigger: Trigger, activity: Option<&str>, read: &Read) -> bool {
    read.checks.iter().any(|check| check.activity.as_deref() == activity && Some(check.direction) == direction(trigger))
}

impl Saying<'_> {
    /// What the body says by itself: who it is and when it happened; of a dismissal the id is enough.
    pub(super) fn by_the_body(&self) -> Option<Vec<ParticipantEvent>> {
        use Trigger::*;
        let (hint, time) = (self.hint, self.hint.time);
        if hint.trigger == EventEnd {
            return Some(self.over(time?));
        }
        let person = hint.profile.as_ref();
        let (kind, time, read) = match hint.trigger {
            EventDismissal => (Kind::Cancelled, time?, false),
            ActivityDismissal => (Kind::SessionLeft, time?, false),
            EventEnrollment | EventEnrollmentUpdate => {
                let person = person?;
                let kind = match (person.approved, hint.trigger) {
                    // Who waits for approval is not registered yet; who was rejected is no longer.
                    (Some(false), _) => Kind::Cancelled,
                    (_, EventEnrollment) => Kind::Registered,
                    _ => Kind::Updated,
                };
                match (time, person.updated) {
                    (Some(time), _) => (kind, time, kind == Kind::Cancelled),
                    (None, updated) => (kind, updated?, true),
                }
            }
            EventCheckIn | ActivityCheckIn => (person.map(|_| Kind::CheckedIn)?, time?, false),
            EventCheckOut | ActivityCheckOut => (person.map(|_| Kind::CheckedOut)?, time?, false),
            ActivityEnrollment => (person.map(|_| Kind::SessionEnrolled)?, time?, false),
            _ => return None,
        };
        Some(vec![self.state(kind, time, read, person, &[])?])
    }

    /// What follows from what was read.
    pub(super) fn by_what_was_read(&self, read: &Read) -> Vec<ParticipantEvent> {
        use Trigger::*;
        let (person, hint) = (read.person.as_ref(), self.hint);
        let questions = read.questions.as_deref().map_or(&[][..], Vec::as_slice);
        let state = |kind, time: Option<SourceTime>, seen| self.state(kind, time?, seen, person, questions);
        let on_the_list = read.is_on_the_list();
        let events = match hint.trigger {
            EventEnrollment if on_the_list && hint.time.is_some() => vec![state(Kind::Registered, hint.time, false)],
            EventEnrollmentUpdate if on_the_list && hint.time.is_some() => vec![state(Kind::Updated, hint.time, false)],
            EventEnrollment | EventEnrollmentUpdate | EventDismissal if on_the_list => {
                vec![state(Kind::Registered, read.since(), true)]
            }
            EventEnrollment | EventEnrollmentUpdate | EventDismissal => vec![state(Kind::Cancelled, read.date, true)],
            EventCheckIn | EventCheckOut | ActivityCheckIn | ActivityCheckOut => {
                let place = self.activity.as_ref().map(|activity| activity.id.as_str());
                let seen = read.checks.iter().filter(|check| check.activity.as_deref() == place);
                let mut events: Vec<_> = match hint.time {
                    Some(_) => Vec::new(),
                    None => seen.map(|check| state(check.direction.kind(), Some(check.time), false)).collect(),
                };
                if hint.time.is_some() || !shows(hint.trigger, place, read) {
                    let told = direction(hint.trigger).unwrap_or(Direction::In).kind();
                    events.push(state(told, hint.time.or(read.date), hint.time.is_none()));
                }
                events
            }
            ActivityEnrollment | ActivityDismissal => vec![match (&read.enrolment, hint.trigger, hint.time) {
                (_, ActivityEnrollment, Some(time)) => state(Kind::SessionEnrolled, Some(time), false),
                (Some(enrolment), ..) if enrolment.enrolled.is_some() => {
                    state(Kind::SessionEnrolled, enrolment.enrolled, false)
                }
                (Some(_), ..) => state(Kind::SessionEnrolled, read.date, true),
                (None, ..) => state(Kind::SessionLeft, read.date, true),
            }],
            _ => Vec::new(),
        };
        events.into_iter().flatten().collect()
    }

    /// That the event is over.
    pub(super) fn over(&self, time: SourceTime) -> Vec<ParticipantEvent> {
        vec![self.statement(Kind::EventClosed, time, false, None)]
    }

    fn state(
        &self,
        kind: Kind,
        time: SourceTime,
        read: bool,
        person: Option<&Person>,
        questions: &[Question],
    ) -> Option<ParticipantEvent> {
        let id = self.hint.person.as_deref()?;
        let participant = person.map_or_else(|| translate::somebody(id), translate::participant);
        let mut event = self.statement(kind, time, read, Some(participant));
        event.answers = person.map(|person| translate::answers(&person.raw, questions)).unwrap_or_default();
        Some(translate::identified(event))
    }

    fn statement(
        &self,
        kind: Kind,
        time: SourceTime,
        read: bool,
        participant: Option<Participant>,
    ) -> ParticipantEvent {
        let session =
            self.activity.clone().filter(|_| !matches!(kind, Kind::EventClosed | Kind::Registered | Kind::Cancelled));
        translate::identified(ParticipantEvent {
            id: String::new(),
            time,
            kind,
            read,
            event: self.event.clone(),
            session,
            participant,
            answers: Default::default(),
            status: None,
            score: None,
        })
    }
}
