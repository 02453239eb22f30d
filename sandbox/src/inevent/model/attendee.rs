//! A person in an event.

use std::collections::BTreeMap;

/// The texts of a profile that can be set, by the name that they have in requests.
pub(in crate::inevent) const PROFILE: [&str; 24] = [
    "firstName",
    "lastName",
    "username",
    "email",
    "salutation",
    "role",
    "company",
    "summary",
    "image",
    "telephone",
    "city",
    "country",
    "facebook",
    "linkedin",
    "twitter",
    "instagram",
    "website",
    "message",
    "language",
    "assistantEmail",
    "nfc",
    "ticketID",
    "profileID",
    "origin",
];

/// The texts of a profile; one that is not there is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::inevent) struct Profile(Vec<(&'static str, String)>);

impl Profile {
    pub(in crate::inevent) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// Sets a text; `name` sets first and last name. Says whether there is such a text.
    pub(in crate::inevent) fn set(&mut self, name: &str, value: &str) -> bool {
        if name == "name" {
            let (first, last) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
            return self.set("firstName", first) && self.set("lastName", last.trim());
        }
        let Some(known) = PROFILE.into_iter().find(|known| *known == name) else { return false };
        self.0.retain(|(key, _)| *key != known);
        if !value.is_empty() {
            self.0.push((known, value.to_owned()));
        }
        true
    }

    /// First and last name.
    pub(in crate::inevent) fn name(&self) -> String {
        format!("{} {}", self.get("firstName"), self.get("lastName")).trim().to_owned()
    }
}

/// Whether somebody who registered is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inevent) enum Admission {
    Pending,
    Approved,
    Rejected,
}

/// What somebody answered to a custom question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inevent) struct Answer {
    /// `feedbackSubmissionID`
    pub(in crate::inevent) id: u64,
    pub(in crate::inevent) value: String,
    pub(in crate::inevent) at: i64,
}

/// A person in an event: an attendee, or an applicant who is none yet.
#[derive(Debug, Clone)]
pub(in crate::inevent) struct Attendee {
    pub(in crate::inevent) id: u64,
    pub(in crate::inevent) profile: Profile,
    pub(in crate::inevent) admission: Admission,
    pub(in crate::inevent) waitlist: bool,
    /// `1` is a user, `4` an admin.
    pub(in crate::inevent) level: String,
    pub(in crate::inevent) speaker: bool,
    pub(in crate::inevent) private: bool,
    pub(in crate::inevent) present: bool,
    pub(in crate::inevent) rsvp: Option<bool>,
    pub(in crate::inevent) tags: Vec<u64>,
    /// Seconds since 1970.
    pub(in crate::inevent) enrolled: i64,
    /// Orders those who enrolled in the same second.
    pub(in crate::inevent) number: u64,
    pub(in crate::inevent) updated: i64,
    /// By the id of the question.
    pub(in crate::inevent) answers: BTreeMap<u64, Answer>,
}

impl Attendee {
    pub(in crate::inevent) fn new(id: u64, profile: Profile, now: i64) -> Self {
        Self {
            id,
            profile,
            admission: Admission::Approved,
            waitlist: false,
            level: "1".to_owned(),
            speaker: false,
            private: false,
            present: false,
            rsvp: None,
            tags: Vec::new(),
            enrolled: now,
            number: id,
            updated: now,
            answers: BTreeMap::new(),
        }
    }

    /// What stands in their QR code.
    pub(in crate::inevent) fn qr_code(&self) -> String {
        format!("Q{}", self.id)
    }
}
