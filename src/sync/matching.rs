//! What people are found by: the matching keys of the settings, ready to be used on statements and on rows alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::{
    rows::{COMPANY_NAME, Names, PersonRow, PersonTable},
    source::{Reader, Said},
};
use crate::{
    model::{Address, stamp::Fingerprint},
    settings::document::{ClosedDuplicates, Field, Key, Matching, Source, WithoutKey},
};

/// The column that an address is found in.
pub const ADDRESS_COLUMN: &str = "emailaddress1";

/// The name of the key that is an address alone.
const ADDRESS: &str = "address";

/// How the key of a participant who has none begins.
const PARTICIPANT: &str = "participant\n";

/// The value of one matching key. Two statements with the same one are about the same person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Address(Address),
    /// The key's name and values.
    Other(String),
}

impl Who {
    /// Distinct for distinct values: an address holds no line break.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Address(address) => address.as_str(),
            Self::Other(text) => text,
        }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.as_str())
    }

    /// Whoever takes part in an event without any key.
    pub fn participant(event: &str, participant: &str) -> Self {
        Self::Other(format!("{PARTICIPANT}{event}\n{participant}"))
    }

    /// Whether it stands for a participant who has no key: no column holds it.
    fn is_participant(&self) -> bool {
        self.as_str().starts_with(PARTICIPANT)
    }
}

/// Keys are personal: they are never printed.
impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Who(…)")
    }
}

/// The keys of one event, compiled, and how they are used.
#[derive(Debug)]
pub struct Matcher {
    keys: Vec<MatchKey>,
    pub order: Vec<PersonTable>,
    pub inactive_contacts: bool,
    pub follow_converted_leads: bool,
    pub correct_addresses: bool,
    pub without_key: WithoutKey,
    pub detect_duplicates: bool,
    pub closed_duplicates: ClosedDuplicates,
}

#[derive(Debug)]
struct MatchKey {
    /// What rows remember their key under: no colon, no space.
    name: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    reader: Reader,
    columns: BTreeMap<PersonTable, String>,
}

impl Part {
    fn of_row(&self, row: &PersonRow) -> Option<String> {
        match self.columns.get(&row.person.table)?.as_str() {
            ADDRESS_COLUMN => row.address.as_ref().map(|address| address.as_str().to_owned()),
            column => folded(row.value(column)?, false),
        }
    }
}

/// A key that a statement states.
#[derive(Debug, Clone)]
pub struct StatedKey<'a> {
    pub who: Who,
    /// The name under which a row remembers it.
    pub name: &'a str,
    /// Where the key is looked for: its first value by table and column.
    pub lookups: Vec<(PersonTable, &'a str, String)>,
}

impl Matcher {
    /// A key whose expression cannot be compiled does not get here: a document with one is not read.
    pub fn new(matching: &Matching, names: &Names) -> Self {
        Self {
            keys: matching.keys.iter().filter_map(|key| MatchKey::new(key, names).ok()).collect(),
            order: matching.order.iter().map(|table| PersonTable::from(*table)).collect(),
            inactive_contacts: matching.inactive_contacts,
            follow_converted_leads: matching.follow_converted_leads,
            correct_addresses: matching.correct_addresses,
            without_key: matching.without_key,
            detect_duplicates: matching.detect_duplicates,
            closed_duplicates: matching.closed_duplicates,
        }
    }

    /// The keys that a statement states, the strongest first.
    pub fn stated(&self, said: &Said<'_>) -> Vec<StatedKey<'_>> {
        self.keys.iter().filter_map(|key| key.stated(said)).collect()
    }

    /// What a row is found by.
    pub fn of_row<'a>(&'a self, row: &'a PersonRow) -> impl Iterator<Item = Who> + 'a {
        self.keys.iter().filter_map(|key| key.of_row(row))
    }

    /// Whether somebody who was made for a key may still stand for it: none of the key's columns says anything else. A contact's company
    /// is the name of an account that nobody gave it, and the settings may fill a column of the key with nothing.
    pub fn leaves_open(&self, row: &PersonRow, who: &Who) -> bool {
        who.is_participant() || self.keys.iter().any(|key| key.leaves_open(row, who))
    }

    /// Which kind of key this is: 0 is the strongest. That of a participant without keys is the weakest.
    pub fn place(&self, who: &Who) -> usize {
        let name = match who {
            Who::Address(_) => ADDRESS,
            Who::Other(text) => text.split('\n').next().unwrap_or_default(),
        };
        self.keys.iter().position(|key| key.name == name).unwrap_or(self.keys.len())
    }

    /// The names under which rows remember their keys, the strongest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    /// The columns of a table that are compared.
    pub fn columns(&self, table: PersonTable) -> BTreeSet<&str> {
        let parts = self.keys.iter().flat_map(|key| &key.parts);
        parts.filter_map(|part| part.columns.get(&table)).map(String::as_str).collect()
    }
}

impl MatchKey {
    fn new(key: &Key, names: &Names) -> Result<Self, String> {
        let part = |source: &Source, contact: Option<&str>, lead: Option<&str>| {
            let columns = [(PersonTable::Contact, contact), (PersonTable::Lead, lead)];
            let columns = columns.into_iter().filter_map(|(table, column)| Some((table, column?.to_owned()))).collect();
            Ok::<_, String>(Part { reader: Reader::new(source)?, columns })
        };
        let field = |field, contact, lead| part(&Source::Field(field), Some(contact), Some(lead));
        let address = || field(Field::Email, ADDRESS_COLUMN, ADDRESS_COLUMN);
        let (name, parts) = match key {
            Key::Email => (ADDRESS.to_owned(), vec![address()?]),
            Key::EmailAndCompany => {
                let company = field(Field::Company, COMPANY_NAME, "companyname")?;
                ("address+company".to_owned(), vec![address()?, company])
            }
            Key::ExternalId => {
                ("external".to_owned(), vec![field(Field::ExternalId, names.external_id, names.external_id)?])
            }
            Key::Columns(parts) => {
                let names = parts.iter().map(|part| part.contact.as_ref().or(part.lead.as_ref()));
                let name = names.map(|name| name.map_or("", String::as_str)).collect::<Vec<_>>().join("+");
                let parts = parts
                    .iter()
                    .map(|one| part(&one.source, one.contact.as_deref(), one.lead.as_deref()))
                    .collect::<Result<_, _>>()?;
                (name, parts)
            }
        };
        Ok(Self { name, parts })
    }

    fn stated(&self, said: &Said<'_>) -> Option<StatedKey<'_>> {
        let value = |part: &Part| {
            let stated = part.reader.value(said).ok()??;
            folded(&stated, part.columns.values().any(|column| column == ADDRESS_COLUMN))
        };
        let values: Vec<String> = self.parts.iter().map(value).collect::<Option<_>>()?;
        let (first, part) = values.first().cloned().zip(self.parts.first())?;
        let lookups =
            self.tables().filter_map(|table| Some((table, part.columns.get(&table)?.as_str(), first.clone())));
        let lookups = lookups.collect();
        Some(StatedKey { who: self.who(values)?, name: &self.name, lookups })
    }

    fn of_row(&self, row: &PersonRow) -> Option<Who> {
        self.who(self.parts.iter().map(|part| part.of_row(row)).collect::<Option<_>>()?)
    }

    fn leaves_open(&self, row: &PersonRow, who: &Who) -> bool {
        let Who::Other(text) = who else { return self.of_row(row).as_ref() == Some(who) };
        let mut stated = text.split('\n');
        stated.next() == Some(&self.name)
            && self.parts.iter().zip(stated).all(|(part, stated)| part.of_row(row).is_none_or(|value| value == stated))
    }

    /// The tables that have all of the key.
    fn tables(&self) -> impl Iterator<Item = PersonTable> {
        let all = |table: &PersonTable| self.parts.iter().all(|part| part.columns.contains_key(table));
        [PersonTable::Contact, PersonTable::Lead].into_iter().filter(all)
    }

    fn who(&self, values: Vec<String>) -> Option<Who> {
        if self.name == ADDRESS {
            return Some(Who::Address(Address::parse(values.first()?).ok()?));
        }
        Some(Who::Other(format!("{}\n{}", self.name, values.join("\n"))))
    }
}

/// The form in which two spellings of one value are equal; `None` where it is blank or no value of a key.
pub fn folded(value: &Value, address: bool) -> Option<String> {
    let text = match value {
        Value::String(text) if address => return Some(Address::parse(text).ok()?.as_str().to_owned()),
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.nfc().flat_map(char::to_lowercase).collect()).filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::validate;

    fn said(participant: Value) -> crate::model::ParticipantEvent {
        let event = json!({
            "id": "1", "time": "2026-05-12T09:00:00Z", "kind": "registered", "event": { "id": "4711" },
            "participant": participant, "answers": { "Badge": "B 7" },
        });
        validate::read(&event, "2026-06-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    fn row(table: PersonTable, mut columns: Value) -> PersonRow {
        columns[table.table().key] = json!("00000000-0000-4000-8000-000000000001");
        columns["@odata.etag"] = json!("W/\"1\"");
        let Value::Object(columns) = columns else { panic!() };
        PersonRow::read(table, columns, <&Names>::default()).unwrap()
    }

    /// The keys that both state, by name.
    fn shared(matching: Value, participant: Value, table: PersonTable, columns: Value) -> Vec<String> {
        let matcher = Matcher::new(&serde_json::from_value(matching).unwrap(), <&Names>::default());
        let event = said(participant);
        let row = row(table, columns);
        let of_row: Vec<Who> = matcher.of_row(&row).collect();
        let stated = matcher.stated(&Said::new(&event));
        stated.iter().filter(|key| of_row.contains(&key.who)).map(|key| key.name.to_owned()).collect()
    }

    #[test]
    fn keys_are_compared_as_people_write_them() {
        use PersonTable::{Contact, Lead};
        let all = json!({ "keys": ["email_and_company", "email", "external_id",
            { "columns": [{ "source": { "answer": "badge" }, "contact": "new_badge" }] }] });
        for (what, participant, table, columns, expected) in [
            (
                "case and spaces do not matter",
                json!({ "id": "1", "email": " Ana@X.example ", "company": "Contoso  Ltd" }),
                Lead,
                json!({ "emailaddress1": "ana@x.example", "companyname": "contoso ltd " }),
                &["address+company", "address"][..],
            ),
            (
                "a contact's company is its account's name",
                json!({ "id": "1", "email": "ana@x.example", "company": "Contoso" }),
                Contact,
                json!({ "emailaddress1": "Ana@x.example", "parentcustomerid_account": { "name": "CONTOSO" } }),
                &["address+company", "address"],
            ),
            (
                "another company",
                json!({ "id": "1", "email": "ana@x.example", "company": "Fabrikam" }),
                Lead,
                json!({ "emailaddress1": "ana@x.example", "companyname": "Contoso" }),
                &["address"],
            ),
            (
                "no company stated",
                json!({ "id": "1", "email": "ana@x.example" }),
                Lead,
                json!({ "emailaddress1": "ana@x.example", "companyname": "Contoso" }),
                &["address"],
            ),
            (
                "numbers are their digits",
                json!({ "id": "1", "external_id": "0815" }),
                Lead,
                json!({ "new_ineventparticipantid": "0815" }),
                &["external"],
            ),
            (
                "blank is nothing",
                json!({ "id": "1", "external_id": " " }),
                Lead,
                json!({ "new_ineventparticipantid": "" }),
                &[],
            ),
            ("a contact's own key", json!({ "id": "1" }), Contact, json!({ "new_badge": "b 7" }), &["new_badge"]),
            ("which leads do not have", json!({ "id": "1" }), Lead, json!({ "new_badge": "b 7" }), &[]),
        ] {
            assert_eq!(shared(all.clone(), participant, table, columns), expected, "{what}");
        }
    }

    #[test]
    fn what_people_are_found_by_is_not_printed() {
        let address = Who::Address(Address::parse("ana@x.example").unwrap());
        assert!(!format!("{address:?} {:?}", Who::participant("4711", "ana")).contains("ana"));
    }
}
