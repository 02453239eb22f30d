//! One look at an event: what InEvent knows of it, held against the rows.
//!
//! People first, so that whatever follows is about somebody who is known; then applications, the check-in log, scores and sessions; who
//! is missing; and at the end, if nothing was left out, what is over.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

use super::{
    cursor::Cursor,
    difference::{Missing, missing},
    known::Known,
    outlet::{NotPut, Outlet, Run},
    schedule::Look,
    statements::Speaker,
};
use crate::{
    inevent::{
        Client, Error, Listing, Row,
        activities::Activity,
        applicants::Application,
        attendance::{Check, Direction},
        people::{Found, Person, Selection},
        questions::Submission,
        scores::Score,
        translate,
    },
    model::{Occasion, Participant, ParticipantEvent, SourceTime},
    settings::document::{EventSettings, Level, ScoreSource},
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

    /// The tracks of the sessions: a call for each, so once a day.
    async fn tracks(&mut self, sessions: &mut BTreeMap<String, Activity>) -> Result<(), Broken> {
        let whole = self.pass.look.since.is_none();
        for (id, activity) in &mut *sessions {
            activity.tracks = match whole {
                true => self.pass.inevent.tracks(id).await?,
                false => self.pass.cursor.tracks.get(id).cloned().unwrap_or_default(),
            };
        }
        let known = sessions.values().filter(|activity| !activity.tracks.is_empty());
        let known = known.map(|activity| (activity.id.clone(), activity.tracks.clone()));
        self.passed.tracks = whole.then(|| known.collect());
        Ok(())
    }

    async fn put(&mut self, event: ParticipantEvent) -> Result<(), NotPut> {
        if self.pass.look.restate || !self.pass.known.knows(&event) { self.run.put(event).await } else { Ok(()) }
    }

    fn alarm(&mut self, alarm: String) {
        tracing::error!(event = self.speaker.event.id, alarm, "reconcile");
        self.passed.alarm.get_or_insert(alarm);
    }

    /// The people of the event. Says whether their list came to its end in time, and whether it was whole.
    async fn people(&mut self, event: &str, offset: usize) -> Result<(bool, bool), Broken> {
        let look = self.pass.look;
        let selection = Selection { since: look.since, ..Selection::ALL };
        let mut pages = self.pass.inevent.people_pages(event, &selection).from(offset);
        loop {
            let at = pages.offset();
            let Some(rows) = pages.next().await? else { break };
            let people: Vec<Person> = rows.into_iter().filter_map(Person::read).collect();
            self.answers(event, &people).await?;
            for person in people {
                // Some lists have those, too, who were not let in.
                if person.approved != Some(false) {
                    self.listed.insert(person.id.clone());
                }
                self.passed.people += 1;
                // InEvent may not heed what was asked for.
                if look.since.is_some_and(|since| person.updated.is_some_and(|updated| updated < since)) {
                    self.profiles.insert(person.id.clone(), translate::participant(&person));
                    continue;
                }
                let answers = self.answers.as_mut().and_then(|apart| apart.remove(&person.id));
                let person = match answers {
                    Some(answers) => person.answering(answers),
                    None => person,
                };
                self.person(&person).await?;
            }
            if Instant::now() >= self.pass.until {
                self.passed.offset = Some(at.max(pages.offset()));
                return Ok((false, false));
            }
        }
        let whole = offset == 0 && pages.is_complete();
        if look.since.is_none() && !whole {
            let why = if offset == 0 { "did not seem whole" } else { "took more than one run to read" };
            self.alarm(format!("InEvent's list of people {why}, so nobody was taken off it in Dynamics."));
        }
        Ok((true, whole))
    }

    /// Reads the answers where the rows of people hold none. A look at everybody finds out, by the first people on the list.
    async fn answers(&mut self, event: &str, people: &[Person]) -> Result<(), Broken> {
        if self.answers.is_some() || people.is_empty() {
            return Ok(());
        }
        let (questions, whole) = (self.speaker.questions, self.pass.look.since.is_none());
        let answered = |person: &Person| !translate::answers(&person.raw, questions).is_empty();
        let apart = match whole {
            true => !questions.is_empty() && !people.iter().any(answered),
            false => self.pass.cursor.answers_apart,
        };
        let mut answers: HashMap<String, Vec<Row>> = HashMap::new();
        if apart && let Some(submissions) = optional(self.pass.inevent.submissions(event).await)? {
            for Submission { person, raw, .. } in submissions.items {
                answers.entry(person).or_default().push(raw);
            }
        }
        self.passed.answers_apart = whole.then_some(!answers.is_empty());
        self.answers = Some(answers);
        Ok(())
    }

    /// Somebody on the list. Settings that changed are to be seen at once, so what is restated is as it is now.
    async fn person(&mut self, person: &Person) -> Result<(), Broken> {
        let participant = translate::participant(person);
        self.profiles.insert(person.id.clone(), participant.clone());
        // Who waits for approval is listed by some, and not registered yet.
        if person.approved == Some(false) {
            return Ok(());
        }
        let time = match person.updated {
            Some(updated) if !self.pass.look.restate && !self.is_back(person, updated) => updated,
            _ => self.begun,
        };
        self.put(self.speaker.registered(person, time)).await?;
        if person.present == Some(true) {
            self.present.push(person.id.clone());
        }
        Ok(())
    }

    /// Whether the row says that they cancelled, and they are on the list: what InEvent changed last is no matter.
    fn is_back(&self, person: &Person, updated: SourceTime) -> bool {
        self.pass.known.registered(&person.id).is_some_and(|(registration, time)| {
            registration == crate::model::event::Registration::Cancelled && time >= updated && time < self.begun
        })
    }

    /// Who was rejected is not registered any more. Of somebody who never was, that says nothing.
    async fn applications(&mut self, event: &str) -> Result<(), Broken> {
        let Some(applicants) = optional(self.pass.inevent.applicants(event).await)? else { return Ok(()) };
        let time = applicants.date.unwrap_or(self.begun);
        for applicant in applicants.items {
            let person = applicant.person;
            if applicant.application == Some(Application::Rejected) && !self.listed.contains(&person.id) {
                self.put(self.speaker.cancelled(translate::participant(&person), time)).await?;
            }
        }
        Ok(())
    }

    /// The check-in log, and who is said to be present without standing in it. Says whether the log was whole.
    async fn checks(&mut self, event: &str, sessions: &BTreeMap<String, Activity>) -> Result<bool, Broken> {
        let log = optional(self.pass.inevent.checks(event, None).await)?;
        let whole = log.as_ref().is_some_and(|log| log.complete);
        let checks: Vec<Check> = log.map(|log| log.items).unwrap_or_default();
        let with_sessions = self.pass.settings.level == Level::Sessions;
        let mut unknown: BTreeSet<&str> = BTreeSet::new();
        let checks: Vec<&Check> = checks.iter().filter(|check| check.activity.is_none() || with_sessions).collect();
        for check in &checks {
            if !self.profiles.contains_key(&check.person) && !self.pass.known.has(&check.person) {
                unknown.insert(&check.person);
            }
        }
        self.look_up(event, unknown).await?;
        let mut seen: HashSet<&str> = HashSet::new();
        for check in &checks {
            if check.activity.is_none() && check.direction == Direction::In {
                seen.insert(&check.person);
            }
            let session = check.activity.as_ref().map(|id| occasion(sessions, id));
            if let Some(participant) = self.participant(&check.person) {
                self.put(self.speaker.passed(check, session.as_ref(), participant)).await?;
            }
        }
        for id in std::mem::take(&mut self.present) {
            if !seen.contains(id.as_str())
                && let Some(participant) = self.participant(&id)
            {
                self.put(self.speaker.present(participant, self.begun)).await?;
            }
        }
        Ok(whole)
    }

    async fn scores(&mut self, event: &str, sessions: &BTreeMap<String, Activity>) -> Result<(), Broken> {
        let inevent = self.pass.inevent;
        let scores = match self.pass.settings.reconcile.score {
            ScoreSource::None => return Ok(()),
            ScoreSource::Points => inevent.leaderboard(event).await,
            ScoreSource::TimeSpent => inevent.time_spent(event).await,
            ScoreSource::Quizzes => inevent.quizzes(event).await,
        };
        let Some(scores) = optional(scores)? else { return Ok(()) };
        let time = scores.date.unwrap_or(self.begun);
        let unit = if self.pass.settings.reconcile.score == ScoreSource::TimeSpent { 60.0 } else { 1.0 };
        let unknown =
            |score: &&Score| !self.profiles.contains_key(&score.person) && !self.pass.known.has(&score.person);
        let unknown: BTreeSet<&str> = scores.items.iter().filter(unknown).map(|score| score.person.as_str()).collect();
        self.look_up(event, unknown).await?;
        let with_sessions = self.pass.settings.level == Level::Sessions;
        for ((person, activity), value) in added_up(&scores.items, with_sessions) {
            let session = activity.map(|id| occasion(sessions, id));
            if let Some(participant) = self.participant(person) {
                let value = (value / unit * 100.0).round() / 100.0;
                self.put(self.speaker.scored(session.as_ref(), participant, value, time)).await?;
            }
        }
        Ok(())
    }

    /// Who is on the lists of the sessions, and who no longer is.
    async fn enrolments(&mut self, sessions: &BTreeMap<String, Activity>, whole: bool) -> Result<(), Broken> {
        if self.pass.settings.level != Level::Sessions {
            return Ok(());
        }
        for activity in sessions.values() {
            let Some(list) = optional(self.pass.inevent.activity_people(&activity.id).await)? else { continue };
            let (session, time) = (translate::activity_occasion(activity), list.date.unwrap_or(self.begun));
            let on_it: HashSet<String> = list.items.iter().map(|person| person.id.clone()).collect();
            for person in &list.items {
                self.profiles.entry(person.id.clone()).or_insert_with(|| translate::participant(person));
                if let Some(participant) = self.participant(&person.id) {
                    self.put(self.speaker.enrolled(&session, participant, time)).await?;
                }
            }
            let known = self.pass.known.listed(Some(&activity.id));
            match missing(&known, &on_it, list.complete, self.pass.trusted) {
                Missing::These(ids) => {
                    for id in ids {
                        let found = self.is_there(self.pass.inevent.activity_person(&activity.id, id).await).await?;
                        if let (false, Some(participant)) = (found, self.participant(id)) {
                            self.put(self.speaker.left(&session, participant, self.begun)).await?;
                        }
                    }
                }
                Missing::Unknown => {}
                implausible @ Missing::Implausible { .. } => self.alarm(told(&implausible, "a session's list")),
            }
        }
        let known = self.pass.known;
        for id in known.sessions().into_iter().filter(|id| whole && !sessions.contains_key(*id)) {
            if self.is_there(self.pass.inevent.activity(id).await).await? {
                continue;
            }
            let session = translate::occasion(id, None, None, None);
            for person in known.listed(Some(id)) {
                if let Some(participant) = self.participant(person) {
                    self.put(self.speaker.left(&session, participant, self.begun)).await?;
                }
            }
        }
        Ok(())
    }

    /// Who is registered according to the rows, and on InEvent's list no more.
    async fn missing(&mut self, event: &str, whole: bool) -> Result<(), Broken> {
        let known = self.pass.known.listed(None);
        match missing(&known, &self.listed, whole, self.pass.trusted) {
            Missing::These(ids) => {
                for id in ids {
                    if !self.is_there(self.pass.inevent.person(event, id).await).await? {
                        let participant = self.participant(id).unwrap_or_else(|| translate::somebody(id));
                        self.put(self.speaker.cancelled(participant, self.begun)).await?;
                    }
                }
            }
            Missing::Unknown => {}
            implausible @ Missing::Implausible { .. } => self.alarm(told(&implausible, "InEvent's list of people")),
        }
        Ok(())
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

fn occasion(sessions: &BTreeMap<String, Activity>, id: &str) -> Occasion {
    sessions.get(id).map_or_else(|| translate::occasion(id, None, None, None), translate::activity_occasion)
}

/// Scores by person and session. What is counted by session counts for the event, too, unless that has scores of its own.
fn added_up(scores: &[Score], with_sessions: bool) -> BTreeMap<(&str, Option<&str>), f64> {
    let mut sums: BTreeMap<(&str, Option<&str>), f64> = BTreeMap::new();
    let own: HashSet<&str> =
        scores.iter().filter(|score| score.activity.is_none()).map(|score| score.person.as_str()).collect();
    for score in scores {
        let (person, activity) = (score.person.as_str(), score.activity.as_deref());
        if activity.is_none() || !own.contains(person) {
            *sums.entry((person, None)).or_default() += score.value;
        }
        if let Some(activity) = activity.filter(|_| with_sessions) {
            *sums.entry((person, Some(activity))).or_default() += score.value;
        }
    }
    sums
}

fn told(implausible: &Missing<'_>, list: &str) -> String {
    let Missing::Implausible { missing, known } = implausible else { return String::new() };
    format!(
        "{missing} of the {known} people who are registered in Dynamics are missing from {list}. That is implausible, so nobody was taken \
         off. If InEvent is right, run: inevent-d365 backfill --event ID --accept-missing"
    )
}
