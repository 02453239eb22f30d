//! What people are found by.

use inevent_d365::{dataverse::Columns, model::ParticipantEvent};
use serde_json::{Value, json};

use super::{people::text, words};

/// The keys of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Email,
    EmailAndCompany,
    /// By their id elsewhere, and by their address where nobody has that.
    ExternalId,
    /// By a column of their own, and by their address where nobody has that.
    Badge,
    /// The same, where only contacts have the column.
    BadgeOfContacts,
    /// By their address, and by a column of their own where nobody has that.
    EmailThenBadge,
    /// By two columns, of which the connector writes one of a contact's and both of a lead's, and then by their address.
    CompanyAndBadge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Address,
    AddressAndCompany,
    External,
    Badge,
    BadgeOfContacts,
    CompanyAndBadge,
}

impl Keys {
    /// The strongest first.
    pub fn all(self) -> &'static [Key] {
        match self {
            Self::Email => &[Key::Address],
            Self::EmailAndCompany => &[Key::AddressAndCompany],
            Self::ExternalId => &[Key::External, Key::Address],
            Self::Badge => &[Key::Badge, Key::Address],
            Self::BadgeOfContacts => &[Key::BadgeOfContacts, Key::Address],
            Self::EmailThenBadge => &[Key::Address, Key::Badge],
            Self::CompanyAndBadge => &[Key::CompanyAndBadge, Key::Address],
        }
    }

    /// Whether somebody may be found by a key who gets another one then.
    pub fn change(self) -> bool {
        self.all().len() > 1
    }

    /// Whether who states this key, which nobody has, may be found by a weaker one.
    pub fn has_weaker(self, key: &str) -> bool {
        self.all().iter().skip_while(|one| !one.is(key)).skip(1).any(|weaker| *weaker != Key::Address)
            || self.changes(key)
    }

    /// Whether the key stands in columns that are written.
    pub fn changes(self, key: &str) -> bool {
        self.change() && self.all().iter().any(|one| one.is(key) && *one != Key::Address)
    }

    /// Which kind of key this is: 0 is the strongest.
    pub fn place(self, key: &str) -> Option<usize> {
        self.all().iter().position(|one| one.is(key))
    }

    pub fn json(self) -> Value {
        self.all().iter().map(|key| key.json()).collect()
    }

    /// What a statement says of a part of a key, which becomes a part of the key of whomever it is about. Who does not state all of
    /// it gives them a key that nobody states.
    pub fn parts_stated(self, event: &ParticipantEvent) -> Vec<String> {
        if self != Self::CompanyAndBadge {
            return Vec::new();
        }
        let company = event.participant.as_ref().and_then(|person| words(person.company.as_deref()));
        let badge = badge(event);
        let partly = (company.is_some() != badge.is_some()).then(|| format!("new_firm+new_badge\n\n{}", event.id));
        badge.map(part).into_iter().chain(partly).collect()
    }

    /// The same of a row.
    pub fn part_of(self, row: &Columns) -> Option<String> {
        text(row, "new_badge").filter(|_| self == Self::CompanyAndBadge).map(|badge| part(folded(badge)))
    }

    /// The columns of a table that are keys or parts of keys.
    pub fn columns(self, table: &str) -> Vec<&'static str> {
        let of = |key: &Key| match key {
            Key::Address => vec![],
            Key::AddressAndCompany => vec!["companyname"],
            Key::External => vec!["new_ineventparticipantid"],
            Key::BadgeOfContacts if table == "lead" => vec![],
            Key::Badge | Key::BadgeOfContacts => vec!["new_badge"],
            Key::CompanyAndBadge => vec!["companyname", "new_badge"],
        };
        self.all().iter().flat_map(of).collect()
    }
}

impl Key {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Address => None,
            Self::AddressAndCompany => Some("address+company"),
            Self::External => Some("external"),
            Self::Badge | Self::BadgeOfContacts => Some("new_badge"),
            Self::CompanyAndBadge => Some("new_firm+new_badge"),
        }
    }

    pub fn is(self, key: &str) -> bool {
        key.split_once('\n').map(|(name, _)| name) == self.name()
    }

    fn of(self, values: &[Option<String>]) -> Option<String> {
        let values: Vec<&str> = values.iter().map(Option::as_deref).collect::<Option<_>>()?;
        Some(self.name().into_iter().chain(values).collect::<Vec<_>>().join("\n"))
    }

    pub fn stated(self, event: &ParticipantEvent) -> Option<String> {
        let person = event.participant.as_ref()?;
        let said = |text: &Option<String>| words(text.as_deref()).map(|text| folded(&text));
        match self {
            Self::Address => self.of(&[said(&person.email)]),
            Self::AddressAndCompany => self.of(&[said(&person.email), said(&person.company)]),
            Self::External => self.of(&[said(&person.external_id)]),
            Self::Badge | Self::BadgeOfContacts => self.of(&[badge(event)]),
            Self::CompanyAndBadge => self.of(&[said(&person.company), badge(event)]),
        }
    }

    pub fn of_row(self, table: &str, row: &Columns) -> Option<String> {
        self.of(&self.parts_of_row(table, row))
    }

    /// Whether a row says nothing else than the key.
    pub fn leaves_open(self, table: &str, row: &Columns, key: &str) -> bool {
        let stated = key.split('\n').skip(usize::from(self.name().is_some()));
        let mut parts = self.parts_of_row(table, row).into_iter().zip(stated);
        self.is(key) && parts.all(|(part, stated)| part.is_none_or(|part| part == stated))
    }

    fn parts_of_row(self, table: &str, row: &Columns) -> Vec<Option<String>> {
        let column = |column| text(row, column).map(folded);
        let account = || row.get("parentcustomerid_account")?["name"].as_str().map(folded);
        let lead = table == "lead";
        match self {
            Self::Address => vec![column("emailaddress1")],
            Self::AddressAndCompany => {
                vec![column("emailaddress1"), if lead { column("companyname") } else { account() }]
            }
            Self::External => vec![column("new_ineventparticipantid")],
            Self::BadgeOfContacts if lead => vec![None],
            Self::Badge | Self::BadgeOfContacts => vec![column("new_badge")],
            Self::CompanyAndBadge => vec![column(if lead { "companyname" } else { "new_firm" }), column("new_badge")],
        }
    }

    fn json(self) -> Value {
        let badge = json!({ "source": { "answer": "b" }, "contact": "new_badge", "lead": "new_badge" });
        let company =
            json!({ "source": { "field": "participant.company" }, "contact": "new_firm", "lead": "companyname" });
        match self {
            Self::Address => "email".into(),
            Self::AddressAndCompany => "email_and_company".into(),
            Self::External => "external_id".into(),
            Self::Badge => json!({ "columns": [badge] }),
            Self::BadgeOfContacts => json!({ "columns": [{ "source": { "answer": "b" }, "contact": "new_badge" }] }),
            Self::CompanyAndBadge => json!({ "columns": [company, badge] }),
        }
    }
}

/// Badges that may be stated by each participant: some of their own, in several spellings, and some of the other's.
pub fn badges(participant: &str) -> [Value; 4] {
    match participant {
        "p0" => [json!("B 7"), json!("b  7"), json!(9), json!("C8")],
        _ => [json!("C8"), json!("c8"), json!("C8"), json!("b 7")],
    }
}

/// The text that a statement states as the badge, as people write it.
pub fn badge_text(event: &ParticipantEvent) -> Option<String> {
    match event.answers.get("B")? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn badge(event: &ParticipantEvent) -> Option<String> {
    badge_text(event).map(|text| folded(&text))
}

fn part(badge: String) -> String {
    format!("badge\n{badge}")
}

/// The form in which two spellings are equal.
pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
