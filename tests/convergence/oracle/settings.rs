//! Generated settings documents, in the oracle's own words.

use inevent_d365::model::ParticipantEvent;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    columns::{Mapping, Mode, mappings},
    duplicates::Detection,
    keys::Keys,
    related::{Related, related},
};

/// A whole document.
#[derive(Debug, Clone)]
pub struct Settings {
    pub matching: Matching,
    pub mappings: Vec<Mapping>,
    /// Rows beside the people that columns are mapped to.
    pub related: Vec<Related>,
    /// Whether people are created under the CRM's duplicate detection rule.
    pub detection: Option<Detection>,
    /// New people get their keys and names only.
    pub minimal: bool,
    /// What the first and the second event have of their own.
    pub events: [Rules; 2],
}

#[derive(Debug, Clone, Copy)]
pub struct Matching {
    pub keys: Keys,
    pub leads_first: bool,
    pub inactive_contacts: bool,
    /// Rows of a lead that became a contact move to it.
    pub follows: bool,
    /// A lead may get the address that its only participant has now.
    pub corrects: bool,
    pub without_key: WithoutKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutKey {
    Report,
    Create,
    Ignore,
}

#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub sync: bool,
    pub level: Level,
    pub below_minutes: Option<i64>,
    pub below_percent: Option<usize>,
    pub leave_open: bool,
    /// What a score is multiplied by.
    pub points: f64,
    pub unmatched: Unmatched,
    /// Only people of one country.
    pub only_if: bool,
    /// Nobody of one domain.
    pub excludes: bool,
    /// The subject names the event first.
    pub name_first: bool,
    /// In a table of its own.
    pub webinar: bool,
    /// Rows lead to a campaign and to the account of the contact.
    pub lookups: bool,
    /// A team owns what the person's owner cannot own.
    pub fallback: bool,
    /// Rows change hands with the person.
    pub follow_owner: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Registrations,
    Attendance,
    Sessions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    CreateLead,
    CreateContact,
    UpdateOnly,
    Ignore,
}

/// Of which column of which table a value may be required; of the last, which is not mapped, it is not.
const REQUIRED: [(&str, &str); 6] = [
    ("lead", "new_rank"),
    ("lead", "new_sourceid"),
    ("activity", "new_originid"),
    ("interest", "new_sourceid"),
    ("", ""),
    ("", ""),
];

pub const COUNTRY: &str = "PT";
pub const EXCLUDED: &str = "left.example";

pub const DEFAULT: Rules = Rules {
    sync: true,
    level: Level::Sessions,
    below_minutes: None,
    below_percent: None,
    leave_open: false,
    points: 1.0,
    unmatched: Unmatched::CreateLead,
    only_if: false,
    excludes: false,
    name_first: false,
    webinar: false,
    lookups: false,
    fallback: false,
    follow_owner: false,
};

impl Settings {
    /// People are found by their address, and created as leads.
    pub fn plain() -> Self {
        let matching = Matching {
            keys: Keys::Email,
            leads_first: false,
            inactive_contacts: false,
            follows: true,
            corrects: false,
            without_key: WithoutKey::Report,
        };
        Self {
            matching,
            mappings: mappings([Mode::Overwrite; 4]),
            related: Vec::new(),
            detection: None,
            minimal: false,
            events: [DEFAULT; 2],
        }
    }

    pub fn of(&self, event: &str) -> Rules {
        self.events[usize::from(event == "e1")]
    }

    /// Whether nothing is written of a statement that is about somebody, because a mapping lacks its value.
    pub fn refuses(&self, event: &ParticipantEvent) -> bool {
        self.mappings.iter().any(|mapping| mapping.of_person() && mapping.refuses(event))
    }

    /// Whether nothing is written of a statement whoever it is about, because a mapping of another row lacks its value.
    pub fn parks(&self, event: &ParticipantEvent) -> bool {
        self.mappings.iter().any(|mapping| !mapping.of_person() && mapping.refuses(event))
    }

    /// The document. A test needs it for as long as it lives.
    pub fn document(&self) -> &'static str {
        let Matching { keys, leads_first, inactive_contacts, follows, corrects, without_key } = self.matching;
        let order = if leads_first { json!(["lead", "contact"]) } else { json!(["contact", "lead"]) };
        let without_key = match without_key {
            WithoutKey::Report => "report",
            WithoutKey::Create => "create",
            WithoutKey::Ignore => "ignore",
        };
        let matching = json!({
            "keys": keys.json(), "order": order, "inactive_contacts": inactive_contacts, "without_key": without_key,
            "follow_converted_leads": follows, "correct_addresses": corrects,
            "detect_duplicates": self.detection.is_some(),
            "closed_duplicates": self.detection.map_or("create", Detection::closed),
        });
        let mappings: Vec<Value> = self.mappings.iter().map(Mapping::json).collect();
        let mut defaults = self.events[0].json();
        let related: serde_json::Map<String, Value> = self.related.iter().filter_map(Related::json).collect();
        let everywhere = json!({
            "matching": matching, "mappings": mappings, "related": related, "minimal_create": self.minimal,
        });
        defaults.as_object_mut().unwrap().extend(everywhere.as_object().unwrap().clone());
        let document = json!({ "defaults": defaults, "events": { "e1": self.events[1].json() } });
        document.to_string().leak()
    }
}

impl Rules {
    fn json(&self) -> Value {
        let level = match self.level {
            Level::Registrations => "registrations",
            Level::Attendance => "attendance",
            Level::Sessions => "sessions",
        };
        let unmatched = match self.unmatched {
            Unmatched::CreateLead => "create_lead",
            Unmatched::CreateContact => "create_contact",
            Unmatched::UpdateOnly => "update_only",
            Unmatched::Ignore => "ignore",
        };
        let mut rules = json!({
            "sync": self.sync, "level": level, "leave_open": self.leave_open, "unmatched": unmatched,
            "follow_owner": self.follow_owner,
            "subject": if self.name_first { "{name} ({status})" } else { "{status}: {name}" },
            "activity_table": if self.webinar { "new_webinarattendance" } else { "new_eventattendance" },
        });
        let partial = (self.below_minutes.is_some() || self.below_percent.is_some()).then(|| {
            let parts = [
                ("below_minutes", self.below_minutes.map(Value::from)),
                ("below_percent_of_sessions", self.below_percent.map(Value::from)),
            ];
            parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Value>()
        });
        let lookups = [
            json!({ "column": "new_accountid", "table": "account" }),
            json!({ "column": "new_campaignid", "table": "campaign", "id": crate::crm::CAMPAIGN }),
        ];
        rules["partial"] = partial.unwrap_or_default();
        rules["score"] = (self.points != 1.0).then(|| format!("score * {}", self.points)).into();
        rules["only_if"] = self.only_if.then(|| format!("participant.country == '{COUNTRY}'")).into();
        rules["excluded_domains"] = if self.excludes { json!([EXCLUDED]) } else { json!([]) };
        rules["fallback_owner"] = if self.fallback { json!({ "team": crate::crm::TEAM }) } else { Value::Null };
        rules["lookups"] = if self.lookups { json!(lookups) } else { json!([]) };
        rules
    }

    pub fn table(&self) -> &'static str {
        if self.webinar { "new_webinarattendance" } else { "new_eventattendance" }
    }

    /// Where somebody is created who is not found.
    pub fn creates(&self) -> Option<&'static str> {
        match self.unmatched {
            Unmatched::CreateLead => Some("lead"),
            Unmatched::CreateContact => Some("contact"),
            Unmatched::UpdateOnly | Unmatched::Ignore => None,
        }
    }
}

/// More often on than off, or less.
fn seldom() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}

fn rules() -> impl Strategy<Value = Rules> {
    let levels =
        select(vec![Level::Sessions, Level::Sessions, Level::Sessions, Level::Attendance, Level::Registrations]);
    use Unmatched::*;
    let unmatched = select(vec![CreateLead, CreateLead, CreateLead, CreateContact, UpdateOnly, Ignore]);
    let minutes = prop::option::of(1..4_i64);
    let percent = prop::option::of(select(vec![1, 50, 60, 100_usize]));
    let presence = (levels, minutes, percent, select(vec![1.0, 1.0, 2.0]), any::<bool>());
    let people = (unmatched, seldom(), seldom(), prop::bool::weighted(0.05));
    let rows = (any::<bool>(), seldom(), any::<bool>(), any::<bool>(), any::<bool>());
    (presence, people, rows).prop_map(
        |(
            (level, below_minutes, below_percent, points, leave_open),
            (unmatched, only_if, excludes, off),
            (name_first, webinar, lookups, fallback, follow_owner),
        )| Rules {
            sync: !off,
            level,
            below_minutes,
            below_percent,
            leave_open,
            points,
            unmatched,
            only_if,
            excludes,
            name_first,
            webinar,
            lookups,
            fallback,
            follow_owner,
        },
    )
}

pub fn settings() -> impl Strategy<Value = Settings> {
    use Keys::*;
    use WithoutKey::*;
    let own = [Badge, BadgeOfContacts, EmailThenBadge, CompanyAndBadge];
    let keys =
        select([&[Email, Email, Email, EmailAndCompany, EmailAndCompany, ExternalId, ExternalId], &own[..]].concat());
    let matching = (keys, any::<bool>(), any::<bool>(), select(vec![Report, Create, Ignore])).prop_map(
        |(keys, leads_first, inactive_contacts, without_key)| Matching {
            keys,
            leads_first,
            inactive_contacts,
            follows: true,
            corrects: false,
            without_key,
        },
    );
    let mode = || select(vec![Mode::Overwrite, Mode::FillIfEmpty, Mode::OnCreate]);
    let modes = [mode(), mode(), mode(), mode()];
    (matching, modes, related(), select(REQUIRED.to_vec()), seldom(), [rules(), rules()]).prop_map(
        |(matching, modes, (related, beside), required, minimal, events)| {
            let mappings = mappings(modes).into_iter().chain(beside);
            let mappings = mappings.map(|mapping| mapping.requiring(required)).collect();
            Settings { matching, mappings, related, detection: None, minimal, events }
        },
    )
}
