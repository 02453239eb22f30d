//! Rows beside the person and their attendance: those that lookups of the person lead to, and those that a key finds or creates.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::{
    dataverse::Columns,
    model::{Kind, ParticipantEvent, ids},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    columns::{Mapping, Mode, Row, holds, lookup, note},
    keys::folded,
    people::{Counts, People, Person, text},
    regarded::leads_to,
    settings::Settings,
};
use crate::{
    Table,
    crm::{LOOKUP, MemoryCrm},
    tables::{KEY, STAMP, definition},
};

/// A row of the settings, under the name of its table without the prefix.
#[derive(Debug, Clone, Copy)]
pub struct Related {
    pub name: &'static str,
    pub table: &'static str,
    way: Way,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    /// By these lookups of contacts and of leads.
    Reached([&'static str; 2]),
    Keyed {
        key: Key,
        contact: bool,
        lead: bool,
        activity: bool,
    },
}

/// What a row is found by.
#[derive(Debug, Clone, Copy)]
enum Key {
    Participant,
    Topic,
    ParticipantAndTopic,
    /// Of a participant who checks in.
    CheckIn,
}

const ACCOUNT: Related =
    Related { name: "account", table: "account", way: Way::Reached(["parentcustomerid", "parentaccountid"]) };
const EMPLOYER: Related =
    Related { name: "employer", table: "new_employer", way: Way::Reached(["new_employerid", "new_employerid"]) };
/// The lookups of a row with a key: to a contact, to a lead, to an attendance row.
pub const BOUND: [&str; 3] = ["new_contactid", "new_leadid", "new_attendanceid"];

/// What participants say of topics.
pub const TOPICS: [&str; 5] = ["Rust", " rust ", "Go", "Cobol", " "];

impl Key {
    fn source(self) -> Value {
        let of = "event.id ~ '/' ~ participant.id";
        match self {
            Self::Participant => json!({ "expression": of }),
            Self::Topic => json!({ "answer": "T" }),
            Self::ParticipantAndTopic => json!({ "expression": "participant.id ~ '/' ~ answers.T" }),
            Self::CheckIn => json!({ "expression": format!("({of}) if kind == 'checked_in' else none") }),
        }
    }

    /// As it is stated, without the spaces around.
    fn stated(self, event: &ParticipantEvent) -> Option<String> {
        let participant = &event.participant.as_ref()?.id;
        let of = || format!("{}/{participant}", event.event.id);
        let topic = || event.answers.get("T").and_then(Value::as_str);
        let stated = match self {
            Self::Participant => Some(of()),
            Self::Topic => topic().map(str::to_owned),
            Self::ParticipantAndTopic => topic().map(|topic| format!("{participant}/{topic}")),
            Self::CheckIn => Some(of()).filter(|_| event.kind == Kind::CheckedIn),
        }?;
        Some(stated.trim().to_owned()).filter(|stated| !stated.is_empty())
    }
}

impl Related {
    pub fn json(&self) -> Option<(String, Value)> {
        let row = match self.way {
            // It needs no setting.
            Way::Reached(_) if self.name == "account" => return None,
            Way::Reached([contact, lead]) => {
                json!({ "table": self.table, "reached_by": { "contact": contact, "lead": lead } })
            }
            Way::Keyed { key, contact, lead, activity } => {
                let mut row = json!({ "table": self.table, "key": { "column": KEY, "source": key.source() } });
                for (of, column) in [("contact", BOUND[0]), ("lead", BOUND[1])] {
                    if [("contact", contact), ("lead", lead)].contains(&(of, true)) {
                        row["person"][of] = column.into();
                    }
                }
                if activity {
                    row["activity"] = BOUND[2].into();
                }
                row
            }
        };
        Some((self.name.to_owned(), row))
    }
}

/// Rows of all kinds, and what is mapped to them; columns of tables without stamps are not overwritten.
pub fn related() -> impl Strategy<Value = (Vec<Related>, Vec<Mapping>)> {
    let keys = select(vec![Key::Participant, Key::Topic, Key::Topic, Key::ParticipantAndTopic, Key::CheckIn]);
    let keyed = (keys, any::<(bool, bool, bool)>());
    let keyed = keyed.prop_map(|(key, (contact, lead, activity))| Way::Keyed { key, contact, lead, activity });
    let stamped = || select(vec![Mode::Overwrite, Mode::FillIfEmpty, Mode::OnCreate]);
    let modes = (stamped(), stamped(), select(vec![Mode::FillIfEmpty, Mode::OnCreate]), any::<bool>());
    (keyed.clone(), keyed, modes).prop_map(|(interest, badge, (one, other, unstamped, fills))| {
        let interest = Related { name: "interest", table: "new_interest", way: interest };
        let badge = Related { name: "badge", table: "new_badge", way: badge };
        let of_account = if fills { Mode::FillIfEmpty } else { Mode::Overwrite };
        let mappings = vec![
            note("new_note", &["interest"], one),
            lookup("new_sourceid", &["interest"], other),
            note("new_note", &["badge"], unstamped),
            lookup("new_sourceid", &["badge"], unstamped),
            note("new_note", &["account"], of_account),
            lookup("new_sourceid", &["account"], of_account),
            note("new_note", &["employer"], Mode::FillIfEmpty),
        ];
        (vec![ACCOUNT, EMPLOYER, interest, badge], mappings)
    })
}

/// Rows that are there before, and people who lead to some.
pub fn seed(crm: &MemoryCrm) {
    let of = |number: u128| Uuid::from_u128(number);
    let points = |column: &str, table: &str, number: u128| json!({ (format!("_{column}_value")): of(number).to_string(), (format!("_{column}_value{LOOKUP}")): table });
    crm.by_hand(("account", of(21)), json!({ "new_note": "Old" }));
    crm.by_hand(("account", of(22)), json!({}));
    crm.by_hand(("new_employer", of(23)), json!({}));
    crm.by_hand(("new_employer", of(24)), json!({ "new_note": " " }));
    crm.by_hand(("lead", of(12)), points("parentaccountid", "account", 20));
    crm.by_hand(("lead", of(41)), points("parentaccountid", "account", 22));
    crm.by_hand(("lead", of(12)), points("new_employerid", "new_employer", 23));
    crm.by_hand(("contact", of(10)), points("new_employerid", "new_employer", 23));
    crm.by_hand(("contact", of(47)), points("new_employerid", "new_employer", 24));
    // Their company is another person.
    crm.by_hand(("contact", of(55)), points("parentcustomerid", "contact", 10));
    for (table, number) in [("new_interest", 80), ("new_badge", 90)] {
        let keyed = |more: u128, key: &str| crm.by_hand((table, of(number + more)), json!({ (KEY): key }));
        keyed(0, "RUST");
        crm.by_hand((table, of(number)), points("new_contactid", "contact", 40));
        crm.by_hand((table, of(number)), json!({ "new_note": "Old" }));
        // Two rows of one key.
        keyed(2, "Go");
        keyed(1, "go");
        keyed(3, "P1/Rust");
        keyed(4, "e0/p1");
        crm.by_hand((table, of(number + 4)), points("new_leadid", "lead", 41));
    }
}

impl Related {
    /// The lookup of such a person that leads to the row; `None` where a key does, or nothing.
    pub fn reached(&self, person: &str) -> Option<&'static str> {
        match self.way {
            Way::Reached(lookups) => Some(lookups[usize::from(person == "lead")]),
            Way::Keyed { .. } => None,
        }
    }

    /// The key that a statement states, and which of the lookups are bound; `None` where a lookup leads to the row.
    pub fn keyed(&self, event: &ParticipantEvent) -> Option<(Option<String>, [bool; 3])> {
        match self.way {
            Way::Reached(_) => None,
            Way::Keyed { key, contact, lead, activity } => Some((key.stated(event), [contact, lead, activity])),
        }
    }

    /// Whether its table remembers what was stated.
    pub fn is_stamped(&self) -> bool {
        definition(self.table).is_some_and(|table| table.columns.contains(STAMP))
    }
}

/// What is said of one row.
struct Said<'a> {
    event: &'a ParticipantEvent,
    surely: bool,
    people: BTreeSet<Person>,
}

type Rows<'a> = BTreeMap<Uuid, Vec<Said<'a>>>;

impl Related {
    /// What is said of each row; of a new one by its id.
    fn said<'a>(&self, people: &People<'a>, settings: &Settings, before: &Table) -> Rows<'a> {
        let mut rows = Rows::new();
        for event in people.heard() {
            let counts = people.counts(event);
            if counts == Counts::Never {
                continue;
            }
            let (of, just_one) = people.about(event);
            let surely = counts == Counts::Surely;
            // What lacks a value of the person is written only where it is about nobody.
            let refused = settings.refuses(event);
            let mut say = |id, surely, people| rows.entry(id).or_default().push(Said { event, surely, people });
            match self.way {
                Way::Reached(lookups) => {
                    for person in of.into_iter().filter(|_| !refused) {
                        let column = lookups[usize::from(person.0 == "lead")];
                        let there = before.get(&person).and_then(|row| leads_to(row, column));
                        if let Some((_, id)) = there.filter(|(table, _)| table == self.table) {
                            say(id, surely && just_one, BTreeSet::from([person]));
                        }
                    }
                }
                Way::Keyed { key, contact, lead, .. } => {
                    let Some(stated) = key.stated(event) else { continue };
                    let id = self.found(before, &folded(&stated));
                    let has = |person: &Person| if person.0 == "lead" { lead } else { contact };
                    let having: BTreeSet<Person> = of.iter().copied().filter(has).collect();
                    if !contact && !lead {
                        say(id, surely, having);
                    } else if !having.is_empty() && !refused {
                        let surely = surely && just_one && having.len() == of.len();
                        say(id, surely, having);
                    }
                }
            }
        }
        rows
    }

    /// The row of a key: the one with the smaller id where there are two.
    fn found(&self, before: &Table, key: &str) -> Uuid {
        let of = before
            .iter()
            .filter(|((table, _), row)| *table == self.table && text(row, KEY).map(folded).as_deref() == Some(key));
        of.map(|((_, id), _)| *id).min().unwrap_or_else(|| ids::related("t", self.table, key))
    }

    fn compare(&self, people: &People<'_>, settings: &Settings, before: &Table, after: &Table) -> Result<(), String> {
        let said = self.said(people, settings, before);
        let missing = said
            .iter()
            .find(|(id, said)| said.iter().any(|said| said.surely) && !after.contains_key(&(self.table, **id)));
        if let Some((id, _)) = missing {
            return Err(format!("there is no {} {id}", self.table));
        }
        for ((_, id), row) in after.iter().filter(|((table, _), _)| *table == self.table) {
            let had = before.get(&(self.table, *id));
            let said = said.get(id).map(Vec::as_slice).unwrap_or_default();
            self.compare_row(row, had, said, settings).map_err(|why| format!("{} {id} {why}: {row:?}", self.table))?;
        }
        Ok(())
    }

    fn compare_row(
        &self,
        row: &Columns,
        had: Option<&Columns>,
        said: &[Said<'_>],
        settings: &Settings,
    ) -> Result<(), String> {
        if had.is_none() && said.is_empty() {
            return Err("is there, and nothing was said of it".to_owned());
        }
        let of = |surely| said.iter().filter(move |said| said.surely == surely).map(|said| said.event).collect();
        let (surely, perhaps): (Vec<_>, Vec<_>) = (of(true), of(false));
        let makers = had.is_none().then(|| said.iter().map(|said| said.event).collect());
        let known = Row { surely, perhaps, makers };
        let mut written = vec![STAMP.to_owned()];
        for mapping in settings.mappings.iter().filter(|mapping| mapping.tables.contains(&self.name)) {
            let stood = had.and_then(|had| mapping.found(had)).cloned().unwrap_or_default();
            let allowed = mapping.allowed(&known, &[stood]);
            if !holds(mapping.found(row), &allowed) {
                let (found, mode) = (mapping.found(row), mapping.mode);
                return Err(format!("has {found:?} in {} ({mode:?}), not {allowed:?}", mapping.column));
            }
            written.push(mapping.shown());
        }
        if let Way::Keyed { key, contact, lead, activity } = self.way {
            for (column, bound) in BOUND.into_iter().zip([contact, lead, activity]) {
                self.compare_bound((row, had), column, bound, said, settings)?;
                written.push(format!("_{column}_value"));
            }
            let keys = || said.iter().filter_map(|said| key.stated(said.event));
            if had.is_none() && !keys().any(|stated| Some(&*stated) == text(row, KEY)) {
                return Err("has another key".to_owned());
            }
        }
        let left_alone = |row: &Columns| -> Columns {
            let own = |column: &str| written.iter().any(|written| column.trim_end_matches(LOOKUP) == written);
            row.clone().into_iter().filter(|(column, _)| !own(column)).collect()
        };
        match had.is_some_and(|had| left_alone(had) != left_alone(row)) {
            true => Err("has another value in a column of somebody else's".to_owned()),
            false => Ok(()),
        }
    }

    /// Where one of the lookups leads: where it did, else to whom a statement is about.
    fn compare_bound(
        &self,
        (row, had): (&Columns, Option<&Columns>),
        column: &str,
        bound: bool,
        said: &[Said<'_>],
        settings: &Settings,
    ) -> Result<(), String> {
        let found = leads_to(row, column);
        let allowed: BTreeSet<Option<(String, Uuid)>> = match had.and_then(|had| leads_to(had, column)) {
            Some(stood) => BTreeSet::from([Some(stood)]),
            None if !bound => BTreeSet::from([None]),
            None if column == BOUND[2] => {
                let rows = said.iter().map(|said| attendance(said.event, settings));
                let rows = rows.map(|(table, id)| Some((table.to_owned(), id)));
                let none = had.is_some() && !said.iter().any(|said| said.surely);
                rows.chain(none.then_some(None)).collect()
            }
            None => {
                let table = if column == BOUND[0] { "contact" } else { "lead" };
                let is_one = |person: &&Person| person.0 == table;
                let people = said.iter().flat_map(|said| said.people.iter().filter(is_one));
                let people = people.map(|(table, id)| Some(((*table).to_owned(), *id)));
                let just_one = |said: &Said<'_>| said.surely && said.people.iter().all(|person| person.0 == table);
                let none = !said.iter().any(just_one);
                people.chain(none.then_some(None)).collect()
            }
        };
        match allowed.contains(&found) {
            true => Ok(()),
            false => Err(format!("is bound to {found:?} by {column}, not {allowed:?}")),
        }
    }
}

/// The attendance row that a statement is about.
pub fn attendance(event: &ParticipantEvent, settings: &Settings) -> (&'static str, Uuid) {
    let rules = settings.of(&event.event.id);
    let part = if rules.webinar { rules.table() } else { "" };
    let participant = event.participant.as_ref().map_or("", |participant| &participant.id);
    let session = event.session.as_ref().map(|session| session.id.as_str());
    (rules.table(), ids::attendance(part, "t", &event.event.id, participant, session))
}

/// Holds the rows beside the people against what was said.
pub fn compare(people: &People<'_>, settings: &Settings, before: &Table, after: &Table) -> Result<(), String> {
    settings.related.iter().try_for_each(|related| related.compare(people, settings, before, after))
}
