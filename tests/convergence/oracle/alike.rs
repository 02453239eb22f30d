//! Whom the CRM's duplicate detection rule may name for somebody: by what each may have in the rule's column at one time or another.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::{dataverse::Columns, model::ParticipantEvent};
use serde_json::Value;

use super::{
    columns::{Mapping, Mode, Row, holds},
    duplicates::{Closed, Detection, Fate},
    keys::{Key, folded},
    people::{People, Person, is_guest},
    statements::{of, second},
    words,
};
use crate::Table;

/// What the rule compares of somebody, at one time or another; `None` is blank, which is like nobody's.
type Values = BTreeSet<Option<String>>;

/// By person, what the rule may compare of them.
pub type Had = BTreeMap<Person, Values>;

/// Whom the rule may name, and of these whom it does at any time.
pub struct Named {
    pub may: BTreeSet<Person>,
    pub always: BTreeSet<Person>,
}

impl<'a> People<'a> {
    /// Whom the rule may name for somebody else with this value, who is in a table.
    fn named(&self, detection: Detection, (table, value): (&str, &Option<String>), but: &BTreeSet<Person>) -> Named {
        let rule = detection.rule;
        let mut named = Named { may: BTreeSet::new(), always: BTreeSet::new() };
        if value.is_none() || !rule.of.contains(&table) {
            return named;
        }
        let open = Columns::from_iter([("statecode".to_owned(), Value::from(0))]);
        for (person, had) in self.had.iter().filter(|(person, had)| !but.contains(*person) && had.contains(value)) {
            let row = self.crm.get(person);
            if rule.sees(*person, row.unwrap_or(&open)) {
                named.may.insert(*person);
                named.always.extend(Some(*person).filter(|_| row.is_some() && had.len() == 1));
            }
        }
        named
    }

    /// What may become of those for whom somebody is to be created under a key.
    pub fn fates_of(&self, detection: Detection, key: &str) -> BTreeSet<Fate> {
        let of_values = |table| {
            let values = self.at_first(detection, key, table, &self.heard);
            values.into_iter().map(move |value| self.named(detection, (table, &value), &self.found_as(key)))
        };
        self.tables(key).into_iter().flat_map(of_values).flat_map(|named| self.fates_by(detection, &named)).collect()
    }

    /// The same where the rule may name these. One more or two of those who need not be there decide.
    fn fates_by(&self, detection: Detection, named: &Named) -> BTreeSet<Fate> {
        let more: Vec<Person> = named.may.difference(&named.always).copied().collect();
        let with = |more: &[Person]| detection.fate(self.crm, &named.always.iter().chain(more).copied().collect());
        let mut fates = BTreeSet::from([with(&[])]);
        for (at, one) in more.iter().enumerate() {
            fates.insert(with(&[*one]));
            let others = more[at + 1..].iter().filter(|other| !self.are_apart(detection, *one, **other));
            fates.extend(others.map(|other| with(&[*one, *other])));
        }
        fates
    }

    /// Those by whom the key is found, so that nobody is to be created for it where they are there.
    fn found_as(&self, key: &str) -> BTreeSet<Person> {
        let stays = is_guest(key) || !self.keys_set().rewritten();
        if stays { self.created(key) } else { BTreeSet::new() }
    }

    /// Whether of two new people only one can be there: the other would have been taken for them, at any time.
    fn are_apart(&self, detection: Detection, one: Person, other: Person) -> bool {
        let rule = detection.rule;
        let is_new = |(table, id)| {
            rule.of.contains(&table) && rule.among.contains(&table) && !self.crm.contains_key(&(table, id))
        };
        let value = |person| match self.had.get(&person)?.iter().collect::<Vec<_>>()[..] {
            [value] => value.clone(),
            _ => None,
        };
        let (value, others) = (value(one), value(other));
        if value.is_none() || value != others || !is_new(one) || !is_new(other) {
            return false;
        }
        // Where the rule named closed ones only, it is not asked again.
        let named = self.named(detection, (one.0, &value), &BTreeSet::new());
        let closed = |person: &Person| self.crm.get(person).is_some_and(|row| row["statecode"] != 0);
        detection.closed != Closed::Create || !named.may.iter().any(closed)
    }

    /// What the rule may compare of everybody who is there or may be.
    pub fn had(&self, detection: Detection) -> Had {
        let rule = detection.rule;
        let mut had = Had::new();
        for (person, row) in self.crm.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead")) {
            had.insert(*person, Values::from([rule.of_row(row)]));
        }
        let keys: BTreeSet<&String> = self.keys.values().flatten().collect();
        for key in keys.into_iter().filter(|key| self.may_make(key)) {
            for person in self.created(key) {
                had.entry(person).or_default().extend(self.at_first(detection, key, person.0, &self.heard));
            }
        }
        for (person, said) in self.said() {
            let Some(values) = had.get_mut(&person) else { continue };
            let Some(mapping) = self.mapping(person.0, rule.column) else { continue };
            let minimal = self.settings.minimal && said.makers.is_some() && !self.stays(person.0, rule.column);
            let takes = match mapping.mode {
                Mode::Overwrite => true,
                Mode::FillIfEmpty => values.contains(&None),
                Mode::OnCreate => false,
            };
            if takes && !minimal {
                let said = said.surely.iter().chain(&said.perhaps);
                values.extend(said.filter_map(|event| stated(mapping, event)).map(|value| rule.compared(&value)));
            }
        }
        had
    }

    fn mapping(&self, table: &str, column: &str) -> Option<&Mapping> {
        self.settings.mappings.iter().find(|mapping| mapping.column == column && mapping.tables.contains(&table))
    }

    /// What is planned together where somebody is created for a key: what states it, and what else is said of the same participants.
    fn joined(&self, key: &str, events: &[&'a ParticipantEvent]) -> Vec<&'a ParticipantEvent> {
        let strongest = |event: &ParticipantEvent| self.strongest.get(event.id.as_str()).map(String::as_str);
        let states = |event: &&&ParticipantEvent| strongest(event) == Some(key);
        let of_key: BTreeSet<_> = events.iter().filter(states).map(|event| of(event)).collect();
        let along = |event: &&&ParticipantEvent| strongest(event).is_none_or(is_guest) && of_key.contains(&of(event));
        let joined = events.iter().filter(|event| states(event) || along(event));
        joined.filter(|event| !self.settings.refuses(event)).copied().collect()
    }

    /// What the rule compares of somebody who is created for a key in a table: of a batch of these statements.
    fn at_first(&self, detection: Detection, key: &str, table: &str, events: &[&'a ParticipantEvent]) -> Values {
        let (rule, joined) = (detection.rule, self.joined(key, events));
        let address = match self.keys_set().all().iter().find(|one| one.is(key)) {
            Some(Key::Address) => Some(key),
            Some(Key::AddressAndCompany) => key.split('\n').nth(1),
            _ => None,
        };
        let addresses = |event: &ParticipantEvent| {
            let said = event.participant.as_ref().and_then(|person| words(person.email.as_deref()));
            address.map(str::to_owned).or_else(|| said.map(|said| folded(&said)))
        };
        let mapping = self.mapping(table, rule.column);
        let mapping = mapping.filter(|_| !self.settings.minimal || self.stays(table, rule.column));
        let value = |event: &ParticipantEvent| match rule.column {
            "emailaddress1" => addresses(event),
            _ => mapping.and_then(|mapping| stated(mapping, event)),
        };
        // Somebody may be made by one of them alone.
        let lacks = joined.iter().any(|event| {
            let asks = self.creates(event) && self.strongest.get(event.id.as_str()).is_some_and(|stated| stated == key);
            asks && value(event).is_none()
        });
        let otherwise = |event: &ParticipantEvent| match rule.column {
            "lastname" => {
                let participant = event.participant.as_ref().map(|person| person.id.clone());
                addresses(event).map(|address| address.split('@').next().unwrap().to_owned()).or(participant)
            }
            _ => None,
        };
        let otherwise: Vec<Option<String>> = joined.iter().filter(|_| lacks).map(|event| otherwise(event)).collect();
        let values = joined.iter().filter_map(|event| value(event)).map(Some).chain(otherwise);
        values.map(|value| rule.compared(&value?)).collect()
    }

    /// Whether a statement may be parked for the people who are named as the reason.
    pub fn parks(&self, detection: Detection, event: &'a ParticipantEvent, named: &BTreeSet<Person>) -> bool {
        let Some(key) = self.keys_stated(event).into_iter().next() else { return false };
        let all: Vec<&ParticipantEvent> = self.heard.iter().chain(&self.parked).copied().collect();
        let asks = all.iter().filter(|event| self.keys_stated(event).first() == Some(&key));
        let tables: BTreeSet<&str> = asks.filter_map(|event| self.settings.of(&event.event.id).creates()).collect();
        let values = |table| self.at_first(detection, &key, table, &all).into_iter().map(move |value| (table, value));
        let names = |(table, value): (&str, Option<String>)| {
            let alike = self.named(detection, (table, &value), &self.found_as(&key));
            alike.always.is_subset(named) && named.is_subset(&alike.may)
        };
        let found = self.keys_stated(event).iter().any(|key| self.settled(key).is_some());
        self.creates(event)
            && !found
            && detection.fate(self.crm, named) == Fate::Parked
            && tables.into_iter().flat_map(values).any(names)
    }

    /// Holds new people against each other.
    pub fn compare_alike(&self, detection: Detection, after: &Table) -> Result<(), String> {
        let new: Vec<Person> = after.keys().filter(|person| self.had.contains_key(*person)).copied().collect();
        for (at, one) in new.iter().enumerate() {
            if let Some(other) = new[..at].iter().find(|other| self.are_apart(detection, *one, **other)) {
                return Err(format!("{one:?} was created beside {other:?}"));
            }
        }
        Ok(())
    }

    /// What a column of a key may hold where the rule may have refused a change: it stays as it was then, and is tried again with the
    /// next one only. `allowed`: what it may hold otherwise.
    pub fn or_refused(
        &self,
        (person, mapping): (Person, &Mapping),
        said: &Row<'_>,
        had: &[Value],
        allowed: Vec<Value>,
    ) -> Vec<Value> {
        let Some(detection) = self.settings.detection else { return allowed };
        let (rule, keys) = (detection.rule, self.keys_set().columns(person.0));
        let decides = self.mapping(person.0, rule.column).filter(|_| keys.contains(&rule.column));
        let Some(decides) = decides.filter(|_| keys.contains(&mapping.column)) else { return allowed };
        let all = || said.surely.iter().chain(&said.perhaps);
        let named = |value: &str| self.named(detection, (person.0, &rule.compared(value)), &BTreeSet::from([person]));
        let refused =
            |event: &&&ParticipantEvent| stated(decides, event).is_some_and(|value| !named(&value).may.is_empty());
        let last = said.surely.iter().filter(|event| mapping.value(event).is_some()).map(|event| second(event)).max();
        let late = |event: &&&ParticipantEvent| mapping.column != rule.column || Some(second(event)) >= last;
        if !all().filter(late).any(|event| refused(&event)) {
            return allowed;
        }
        let before = all().filter_map(|event| mapping.value(event)).chain(had.to_vec());
        let mut allowed: Vec<Value> = allowed.into_iter().chain(before).collect();
        if mapping.column == rule.column && self.crm.contains_key(&person) {
            let free = |value: &Value| value.as_str().is_none_or(|value| named(value).always.is_empty());
            allowed.retain(|value| holds(Some(value), had) || free(value));
        }
        allowed
    }

    /// Whom a rule may have taken for whoever is to be created for a key.
    pub fn adopted(&self, key: &str) -> impl Iterator<Item = Person> {
        let fates = self.fates.get(key).into_iter().flatten();
        fates.filter_map(|fate| match fate {
            Fate::Adopted(person) => Some(*person),
            Fate::Created | Fate::Parked => None,
        })
    }
}

/// The text that a statement states of a column.
fn stated(mapping: &Mapping, event: &ParticipantEvent) -> Option<String> {
    Some(mapping.value(event)?.as_str()?.to_owned())
}
