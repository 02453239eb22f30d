//! An event and what belongs to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Attendee;
use crate::inevent::envelope::Problem;

/// A session.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Activity {
    pub(in crate::inevent) name: String,
    pub(in crate::inevent) description: String,
    pub(in crate::inevent) location: String,
    pub(in crate::inevent) begin: i64,
    pub(in crate::inevent) end: i64,
    pub(in crate::inevent) capacity: String,
    /// Its tracks.
    pub(in crate::inevent) tags: Vec<u64>,
    /// By the id of the person.
    pub(in crate::inevent) people: BTreeMap<u64, Enrolment>,
}

/// A person in an activity.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Enrolment {
    pub(in crate::inevent) at: i64,
    pub(in crate::inevent) present: bool,
}

/// An entry of the check-in log.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Check {
    pub(in crate::inevent) id: u64,
    pub(in crate::inevent) person: u64,
    /// Absent if it is about the event.
    pub(in crate::inevent) activity: Option<u64>,
    pub(in crate::inevent) into: bool,
    pub(in crate::inevent) at: i64,
}

/// A custom question.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Question {
    pub(in crate::inevent) text: String,
    pub(in crate::inevent) subtitle: String,
    pub(in crate::inevent) kind: String,
    pub(in crate::inevent) options: Vec<(u64, String)>,
    /// `f_budget_12`, made of its first text.
    pub(in crate::inevent) api_field: String,
}

impl Question {
    pub(in crate::inevent) fn new(id: u64, text: &str, subtitle: &str, kind: &str) -> Self {
        let slug: String = text
            .chars()
            .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' })
            .collect();
        let api_field = format!("f_{}_{id}", slug.trim_matches('_'));
        let (text, subtitle, kind) = (text.to_owned(), subtitle.to_owned(), kind.to_owned());
        Self { text, subtitle, kind, options: Vec::new(), api_field }
    }
}

/// Something that points are given for.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Game {
    pub(in crate::inevent) name: String,
    pub(in crate::inevent) description: String,
    pub(in crate::inevent) points: i64,
    pub(in crate::inevent) visible: bool,
    pub(in crate::inevent) people: BTreeSet<u64>,
}

/// An invitation, which is no registration.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Invite {
    pub(in crate::inevent) email: String,
    pub(in crate::inevent) name: String,
    pub(in crate::inevent) company: String,
    pub(in crate::inevent) rsvp: Option<bool>,
    pub(in crate::inevent) at: i64,
    /// Mails sent.
    pub(in crate::inevent) mails: u64,
}

/// What somebody reached in the quizzes of an activity.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Quiz {
    pub(in crate::inevent) id: u64,
    pub(in crate::inevent) person: u64,
    pub(in crate::inevent) activity: Option<u64>,
    pub(in crate::inevent) points: i64,
    pub(in crate::inevent) at: i64,
}

/// How long somebody watched.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Watched {
    pub(in crate::inevent) person: u64,
    pub(in crate::inevent) activity: Option<u64>,
    pub(in crate::inevent) seconds: i64,
}

/// An event.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Event {
    pub(in crate::inevent) id: u64,
    pub(in crate::inevent) name: String,
    pub(in crate::inevent) nickname: String,
    pub(in crate::inevent) description: String,
    pub(in crate::inevent) city: String,
    pub(in crate::inevent) created: i64,
    /// Seconds since 1970.
    pub(in crate::inevent) begin: i64,
    pub(in crate::inevent) end: i64,
    pub(in crate::inevent) archived: bool,
    pub(in crate::inevent) requires_approval: bool,
    /// Whether those who register get a mail.
    pub(in crate::inevent) confirmation_email: bool,
    pub(in crate::inevent) end_announced: bool,
    /// By id.
    pub(in crate::inevent) people: BTreeMap<u64, Attendee>,
    by_email: HashMap<String, u64>,
    pub(in crate::inevent) activities: BTreeMap<u64, Activity>,
    pub(in crate::inevent) checks: Vec<Check>,
    pub(in crate::inevent) questions: BTreeMap<u64, Question>,
    pub(in crate::inevent) games: BTreeMap<u64, Game>,
    /// By the id of the person.
    pub(in crate::inevent) invites: BTreeMap<u64, Invite>,
    pub(in crate::inevent) quizzes: Vec<Quiz>,
    pub(in crate::inevent) watched: Vec<Watched>,
}

impl Event {
    pub(in crate::inevent) fn new(id: u64, name: &str, begin: i64, end: i64, now: i64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            nickname: String::new(),
            description: String::new(),
            city: String::new(),
            created: now,
            begin,
            end,
            archived: false,
            requires_approval: false,
            confirmation_email: true,
            end_announced: end <= now,
            people: BTreeMap::new(),
            by_email: HashMap::new(),
            activities: BTreeMap::new(),
            checks: Vec::new(),
            questions: BTreeMap::new(),
            games: BTreeMap::new(),
            invites: BTreeMap::new(),
            quizzes: Vec::new(),
            watched: Vec::new(),
        }
    }

    pub(in crate::inevent) fn person(&self, id: u64) -> Result<&Attendee, Problem> {
        self.people.get(&id).ok_or_else(|| Problem::missing("personID"))
    }

    pub(in crate::inevent) fn person_mut(&mut self, id: u64) -> Result<&mut Attendee, Problem> {
        self.people.get_mut(&id).ok_or_else(|| Problem::missing("personID"))
    }

    /// The person with this address.
    pub(in crate::inevent) fn person_with(&self, email: &str) -> Option<&Attendee> {
        if email.is_empty() {
            return None;
        }
        self.people.get(self.by_email.get(&email.to_lowercase())?)
    }

    /// The person whose id or QR code this is.
    pub(in crate::inevent) fn person_by_code(&self, code: &str) -> Result<&Attendee, Problem> {
        let id = code.trim_start_matches('Q').parse().map_err(|_| Problem::invalid("code"))?;
        self.person(id)
    }

    pub(in crate::inevent) fn put(&mut self, person: Attendee) {
        self.by_email.insert(person.profile.get("email").to_lowercase(), person.id);
        self.people.insert(person.id, person);
    }

    /// Keeps a person findable whose address has changed.
    pub(in crate::inevent) fn readdress(&mut self, id: u64) {
        self.by_email.retain(|_, other| *other != id);
        if let Some(person) = self.people.get(&id) {
            self.by_email.insert(person.profile.get("email").to_lowercase(), id);
        }
    }

    /// Takes a person out of the event and its activities.
    pub(in crate::inevent) fn take(&mut self, id: u64) -> Option<Attendee> {
        let person = self.people.remove(&id)?;
        self.by_email.remove(&person.profile.get("email").to_lowercase());
        for activity in self.activities.values_mut() {
            activity.people.remove(&id);
        }
        for game in self.games.values_mut() {
            game.people.remove(&id);
        }
        Some(person)
    }

    pub(in crate::inevent) fn activity(&self, id: u64) -> Result<&Activity, Problem> {
        self.activities.get(&id).ok_or_else(|| Problem::missing("activityID"))
    }

    /// The question with this id or API field.
    pub(in crate::inevent) fn question(&self, key: &str) -> Option<u64> {
        let id = key.rsplit('_').next()?.parse().ok()?;
        let question = self.questions.get(&id)?;
        (key == question.api_field || key.parse() == Ok(id)).then_some(id)
    }

    /// What somebody's gamification points add up to.
    pub(in crate::inevent) fn points(&self, person: u64) -> i64 {
        self.games.values().filter(|game| game.people.contains(&person)).map(|game| game.points).sum()
    }
}
