//! How participants are found in the CRM.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, Source, Target, check};

/// How the person behind a participant is found. As with every setting, an event that sets it sets all of it: what is left out is as
/// by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Matching {
    /// What people are found by, the strongest first. A key counts for a participant who states all of it; the first one by which
    /// somebody is found decides. Changing the keys of an event that has rows may leave earlier rows with other people.
    #[schemars(length(min = 1))]
    pub keys: Vec<Key>,
    /// Where each key is looked for, in this order.
    #[schemars(length(min = 2, max = 2))]
    pub order: Vec<Target>,
    /// Whether an inactive contact is taken where no active one is found. Merged ones are not meant: their master is.
    pub inactive_contacts: bool,
    /// Whether rows that regard a lead which became a contact since move to that contact, with the next statement about them. What is
    /// new regards the contact in any case.
    pub follow_converted_leads: bool,
    /// Whether the lead of a participant whose address changed in InEvent gets the new address, where nobody has it and the lead has
    /// rows of this participant only. Otherwise the new address is a new lead's.
    pub correct_addresses: bool,
    /// What becomes of a participant who states none of the keys.
    pub without_key: WithoutKey,
    /// Whether people are created, and given another address, under the CRM's published duplicate detection rules. Somebody whom a
    /// rule takes for a duplicate is adopted if there is just one; otherwise the event is parked.
    pub detect_duplicates: bool,
    /// What happens when a rule takes only closed leads and inactive contacts for duplicates, which the connector passes over.
    pub closed_duplicates: ClosedDuplicates,
}

/// What people are found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The e-mail address, in `emailaddress1`.
    Email,
    /// The e-mail address and the company: a lead's `companyname`, the name of a contact's account.
    EmailAndCompany,
    /// The participant's id in another system, in `new_ineventparticipantid` (or what it is called under your
    /// prefix).
    ExternalId,
    /// All of these.
    Columns(Vec<KeyPart>),
}

/// A value of the participant, and the columns that hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPart {
    pub source: Source,
    /// The contact's column: text, a whole number or a unique identifier. Without it contacts are not found by this key. What the
    /// column cannot hold is not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The lead's column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
}

/// What becomes of a participant who states none of the keys, such as a guest without an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithoutKey {
    /// The attendance row is written, and regards nobody until a statement brings a key; the log names the event.
    #[default]
    Report,
    /// A lead without an address is created, one for each participant of an event.
    Create,
    /// Nothing is written.
    Ignore,
}

/// What happens when only those whom the connector passes over are duplicates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedDuplicates {
    /// Somebody is created all the same, without duplicate detection.
    #[default]
    Create,
    /// The one modified last is taken.
    Adopt,
    /// The event is parked.
    Park,
}

impl Default for Matching {
    fn default() -> Self {
        Self {
            keys: vec![Key::Email],
            order: vec![Target::Contact, Target::Lead],
            inactive_contacts: false,
            follow_converted_leads: true,
            correct_addresses: true,
            without_key: WithoutKey::default(),
            detect_duplicates: true,
            closed_duplicates: ClosedDuplicates::default(),
        }
    }
}

impl KeyPart {
    pub fn column(&self, table: Target) -> Option<&String> {
        match table {
            Target::Contact => self.contact.as_ref(),
            Target::Lead => self.lead.as_ref(),
        }
    }
}

/// What the shape cannot say.
pub(super) fn check(place: &str, matching: &Matching, problems: &mut Vec<Problem>) {
    let mut wrong = |field: String, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
    };
    if matching.keys.is_empty() {
        wrong("keys".into(), "there is no key", "Name at least one, such as email.");
    }
    let both = [Target::Contact, Target::Lead].iter().all(|table| matching.order.contains(table));
    if matching.order.len() != 2 || !both {
        let remedy = r#"Write ["contact", "lead"] or ["lead", "contact"]."#;
        wrong("order".into(), "it does not name contact and lead once each", remedy);
    }
    for (index, key) in matching.keys.iter().enumerate() {
        let Key::Columns(parts) = key else { continue };
        let place = format!("keys[{index}].columns");
        let complete = |table| !parts.is_empty() && parts.iter().all(|part| part.column(table).is_some());
        if !complete(Target::Contact) && !complete(Target::Lead) {
            let remedy = "Name a column of contact, or of lead, in each part of the key.";
            wrong(place.clone(), "neither contacts nor leads have all of this key", remedy);
        }
        for (part_index, part) in parts.iter().enumerate() {
            let place = format!("{place}[{part_index}]");
            for (field, column) in [("contact", &part.contact), ("lead", &part.lead)] {
                if column.as_ref().is_some_and(|column| !check::is_column_name(column)) {
                    wrong(format!("{place}.{field}"), check::NO_COLUMN, check::HOW_COLUMNS_ARE_WRITTEN);
                }
            }
            if let Err((field, problem, remedy)) = check::source(&part.source) {
                wrong(format!("{place}.source.{field}"), &problem, remedy);
            }
        }
    }
}
