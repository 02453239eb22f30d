//! What a company has at InEvent: events with their people, activities, questions, invitations; tags and lists.

mod attendee;
mod event;
mod generate;
mod seed;

pub(super) use attendee::{Admission, Answer, Attendee, PROFILE, Profile};
pub(super) use event::{Activity, Check, Enrolment, Event, Game, Invite, Question, Quiz, Watched};
pub(super) use generate::Generate;

use std::collections::{BTreeMap, HashMap};

/// The id of the one company.
pub(super) const COMPANY: u64 = 100;

/// A tag of people, or a track of activities.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) color: String,
    /// The event it is for; the whole company's if absent.
    pub(super) event: Option<u64>,
}

/// A list of people.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) color: String,
    pub(super) event: Option<u64>,
    pub(super) people: Vec<u64>,
}

/// A mail that InEvent would have sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mail {
    pub(super) to: String,
    pub(super) kind: MailKind,
    #[serde(rename = "eventID")]
    pub(super) event: u64,
    /// Seconds since 1970, by the stand-in's clock.
    pub(super) at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MailKind {
    Invitation,
    /// Of a registration.
    Confirmation,
}

/// Everything that a company has.
#[derive(Debug, Clone)]
pub(super) struct Model {
    last_id: u64,
    /// Ids of people by user name or address, in lower case.
    people: HashMap<String, u64>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) tags: BTreeMap<u64, Tag>,
    pub(super) lists: BTreeMap<u64, List>,
    pub(super) mails: Vec<Mail>,
    /// Registration credits spent.
    pub(super) credits: u64,
}

impl Model {
    /// A company without events.
    pub(super) fn empty() -> Self {
        Self {
            last_id: 10_000,
            people: HashMap::new(),
            events: BTreeMap::new(),
            tags: BTreeMap::new(),
            lists: BTreeMap::new(),
            mails: Vec::new(),
            credits: 0,
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The id of the person with this user name, who has the same one in every event; makes it if nobody has it.
    pub(super) fn person(&mut self, username: &str) -> u64 {
        let name = username.to_lowercase();
        if let Some(id) = self.people.get(&name) {
            return *id;
        }
        let id = self.new_id();
        self.people.insert(name, id);
        id
    }

    /// The id of the person with this user name, if there is one.
    pub(super) fn known(&self, username: &str) -> Option<u64> {
        self.people.get(&username.to_lowercase()).copied()
    }

    pub(super) fn mail(&mut self, to: &str, kind: MailKind, event: u64, at: i64) {
        self.mails.push(Mail { to: to.to_lowercase(), kind, event, at });
    }

    /// The event that has an activity.
    pub(super) fn event_of(&self, activity: u64) -> Option<&Event> {
        self.events.values().find(|event| event.activities.contains_key(&activity))
    }
}
