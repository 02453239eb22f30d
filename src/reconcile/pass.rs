//! One look at an event: what InEvent knows of it, held against the rows.
//!
//! People first, so that whatever follows is about somebody who is known; then applications, the check-in log, scores and sessions; who
//! is missing; and at the end, if nothing was left out, what is over.

mod attendance;
mod people;
mod sessions;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

use super::{
    cursor::Cursor,
    difference::Missing,
    known::Known,
    outlet::{NotPut, Outlet, Run},
    schedule::Look,
    statements::Speaker,
};
use crate::{
    inevent::{
        Client, Error, Listing, Row,
        activities::Activity,
        people::{Found, Selection},
        translate,
    },
    model::{Participant, ParticipantEvent, SourceTime},
    settings::document::{EventSettings, Level},
};

/// Beyond so many unknown people, everybody is listed instead of looking each up.
const MANY: usize = 50;

/// What a pass needs.
pub struct Pass<'a> {
    pub inevent: &'a Client,
    pub known: &'a Known,
    pub settings: &'a EventSettings,
    pub cursor: &'a Cursor,
    pub outlet: &'a dyn Outlet,
    pub look: Look,
    /// Who is missing is taken off, however many they are.
    pub trusted: bool,
    /// When it breaks off, to go on another time.
    pub until: Instant,
}

/// What became of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// When it began, by InEvent's clock.
    pub begun: Option<SourceTime>,
    /// Where the next slice begins; `None`: it came to its end.
    pub offset: Option<usize>,
    pub sent: u64,
    /// People that were listed.
    pub people: usize,
    pub closed: bool,
    pub sessions_closed: BTreeSet<String>,
    /// What somebody should look at.
    pub alarm: Option<String>,
    /// The tracks of the sessions that have any, where they were asked for.
    pub tracks: Option<BTreeMap<String, Vec<String>>>,
    /// Whether answers are listed apart from people, where that was found out.
    pub answers_apart: Option<bool>,
    /// InEvent does not know the event.
    pub gone: bool,
}

/// Why a pass broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error(transparent)]
    InEvent(#[from] Error),
    #[error(transparent)]
    NotPut(#[from] NotPut),
    /// Its answers carry no time.
    #[error("InEvent's answers carry no date")]
    NoDate,
}

/// A pass under way.
struct Going<'a> {
    pass: &'a Pass<'a>,
    speaker: Speaker<'a>,
    run: Run<'a>,
    passed: Passed,
    begun: SourceTime,
    /// Everybody of whom more than the id is known.
    profiles: HashMap<String, Participant>,
    /// Answers that are listed apart, by person, once that was looked at.
    answers: Option<HashMap<String, Vec<Row>>>,
    /// Nobody of these ids is on the list.
    nobody: HashSet<String>,
    listed: HashSet<String>,
    present: Vec<String>,
}

impl Pass<'_> {
    /// Looks at the event, from where an earlier slice broke off.
    ///
    /// # Errors
    /// When it could not come to an end; what was put until then counts all the same.
    pub async fn make(&self, event: &str, offset: usize) -> Result<Passed, Broken> {
        let Found { item, date } = self.inevent.event_now(event).await?;
        let Some(found) = item else { return Ok(Passed { gone: true, ..Passed::default() }) };
        let begun = date.ok_or(Broken::NoDate)?;
        let occasion = translate::event_occasion(&found);
        let questions = optional(self.inevent.questions(event).await)?.map(|listing| listing.items).unwrap_or_default();
        let going = Going {
            pass: self,
            speaker: Speaker { event: &occasion, questions: &questions },
            run: Run::into(self.outlet),
            passed: Passed { begun: Some(begun), ..Passed::default() },
            begun,
            profiles: HashMap::new(),
            answers: None,
            nobody: HashSet::new(),
            listed: HashSet::new(),
            present: Vec::new(),
        };
        going.go(event, offset).await
    }
}

impl Going<'_> {
    async fn go(mut self, event: &str, offset: usize) -> Result<Passed, Broken> {
        let (look, settings) = (self.pass.look, self.pass.settings);
        let whole = look.since.is_none();
        let (ended, listed_whole) = self.people(event, offset).await?;
        if !ended {
            self.run.flush().await?;
            return Ok(Passed { sent: self.run.sent, ..self.passed });
        }
        self.applications(event).await?;
        let mut checks_whole = true;
        let mut sessions = BTreeMap::new();
        let mut sessions_whole = true;
        if settings.level > Level::Registrations {
            if settings.level == Level::Sessions {
                let activities = optional(self.pass.inevent.activities(event).await)?;
                sessions_whole = activities.as_ref().is_some_and(|listing| listing.complete);
                let items = activities.map(|listing| listing.items).unwrap_or_default();
                sessions = items.into_iter().map(|activity| (activity.id.clone(), activity)).collect();
                self.tracks(&mut sessions).await?;
            }
            checks_whole = self.checks(event, &sessions).await?;
            self.scores(event, &sessions).await?;
        }
        if whole {
            self.missing(event, listed_whole).await?;
            self.enrolments(&sessions, sessions_whole).await?;
        }
        if !checks_whole {
            self.alarm("InEvent's check-in log could not be read whole, so nobody is called a no-show. Check that the token may read it, and that it is listed in InEvent.".to_owned());
        }
        if checks_whole {
            self.close(whole && listed_whole, &sessions).await?;
        }
        self.run.flush().await?;
        Ok(Passed { sent: self.run.sent, ..self.passed })
    }

    async fn put(&mut self, event: ParticipantEvent) -> Result<(), NotPut> {
        if self.pass.look.restate || !self.pass.known.knows(&event) { self.run.put(event).await } else { Ok(()) }
    }

    fn alarm(&mut self, alarm: String) {
        tracing::error!(event = self.speaker.event.id, alarm, "reconcile");
        self.passed.alarm.get_or_insert(alarm);
    }

    /// Says what is over: sessions as soon as their end is behind us, the event once everybody was read.
    async fn close(&mut self, whole: bool, sessions: &BTreeMap<String, Activity>) -> Result<(), Broken> {
        let over = |end: Option<SourceTime>| end.filter(|end| *end <= self.begun);
        let mut closings = Vec::new();
        for activity in sessions.values().filter(|activity| !self.pass.cursor.sessions.contains(&activity.id)) {
            if let Some(end) = over(activity.end) {
                closings.push(self.speaker.closed(Some(&translate::activity_occasion(activity)), end));
                self.passed.sessions_closed.insert(activity.id.clone());
            }
        }
        let end = self.speaker.event.end.and_then(SourceTime::new);
        let told = self.pass.cursor.ended.then_some(self.begun);
        if let Some(end) = over(end).or(told).filter(|_| whole && !self.pass.cursor.closed) {
            closings.push(self.speaker.closed(None, end));
            self.passed.closed = true;
        }
        for closing in closings {
            self.run.put(closing).await?;
        }
        Ok(())
    }

    /// Learns who these are.
    async fn look_up(&mut self, event: &str, ids: BTreeSet<&str>) -> Result<(), Broken> {
        let ids: Vec<&str> = ids.into_iter().filter(|id| !self.nobody.contains(*id)).collect();
        if ids.len() > MANY {
            let everybody = self.pass.inevent.people(event, Selection { full: false, ..Selection::ALL }).await?;
            for person in &everybody.items {
                self.profiles.entry(person.id.clone()).or_insert_with(|| translate::participant(person));
            }
        }
        for id in ids {
            if self.profiles.contains_key(id) {
                continue;
            }
            match self.pass.inevent.person(event, id).await {
                Ok(Found { item: Some(person), .. }) => {
                    _ = self.profiles.insert(id.to_owned(), translate::participant(&person))
                }
                found => {
                    if !self.is_there(found).await? {
                        self.nobody.insert(id.to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether something was found. Of old InEvent answered 401 for whom an event does not have.
    async fn is_there<T>(&self, found: Result<Found<T>, Error>) -> Result<bool, Broken> {
        match found {
            Ok(found) => Ok(found.item.is_some()),
            Err(error @ Error::Unauthorized { .. }) => {
                if self.pass.inevent.is_known().await? {
                    Ok(false)
                } else {
                    Err(error.into())
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whom a statement is about: with a profile where one was read; of whom there are rows, the id is enough.
    fn participant(&self, id: &str) -> Option<Participant> {
        let profile = self.profiles.get(id).cloned();
        profile.or_else(|| self.pass.known.has(id).then(|| translate::somebody(id)))
    }
}

/// What InEvent may not have, or not let us see: a module that is off.
fn optional<T>(result: Result<Listing<T>, Error>) -> Result<Option<Listing<T>>, Error> {
    match result {
        Ok(listing) => Ok(Some(listing)),
        Err(Error::Refused { action, status, .. }) => {
            tracing::warn!(action, status, "InEvent does not answer this; it is left out");
            Ok(None)
        }
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn told(implausible: &Missing<'_>, list: &str) -> String {
    let Missing::Implausible { missing, known } = implausible else { return String::new() };
    format!(
        "{missing} of the {known} people who are registered in Dynamics are missing from {list}. That is implausible, so nobody was taken \
         off. If InEvent is right, run: inevent-d365 backfill --event ID --accept-missing"
    )
}
