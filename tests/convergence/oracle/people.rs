//! Whom a statement is about: who is found in the CRM as it was before, who is created, and what depends on who came first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use inevent_d365::{
    dataverse::Columns,
    model::{ParticipantEvent, ids},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    columns::{Mapping, Row, holds},
    keys::{Keys, folded},
    related,
    settings::{Settings, Unmatched, WithoutKey},
    statements::{CODES, heard, latest, of},
    words,
};
use crate::{Table, crm::MemoryCrm, tables::CODE};

/// A contact or lead.
pub type Person = (&'static str, Uuid);

/// How often a key may have somebody created, where those who had it got another one since.
const GENERATIONS: u32 = 3;

/// Whether rows show what a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Surely,
    /// If the participant was known when it came.
    Perhaps,
    Never,
}

pub struct People<'a> {
    /// As it was before.
    pub(super) crm: &'a Table,
    pub(super) settings: &'a Settings,
    /// The people there, and what they are found by.
    known: Vec<(Person, Vec<String>)>,
    /// What is not left out whoever it is about.
    pub(super) heard: Vec<&'a ParticipantEvent>,
    /// What each statement states, by its id.
    pub(super) keys: BTreeMap<&'a str, Vec<String>>,
    /// Keys and parts of keys that belong together because some statement states them, or somebody has them.
    links: Vec<BTreeSet<String>>,
    settled: BTreeMap<String, Person>,
    candidates: BTreeMap<String, BTreeSet<Person>>,
}

/// More people than every history has, in all the ways in which somebody may be there.
pub fn seeded() -> MemoryCrm {
    let crm = MemoryCrm::seeded();
    let add = |table, id: u128, address: &str, state, more: Value| {
        crm.add(table, id, address, state);
        crm.by_hand((table, Uuid::from_u128(id)), more);
    };
    let id = |id: u128| Uuid::from_u128(id).to_string();
    add("contact", 40, "both@x.example", 0, json!({}));
    add("lead", 41, "both@x.example", 0, json!({ "new_number": 7, "_new_sourceid_value": id(32) }));
    add("contact", 42, "twice@x.example", 0, json!({ "modifiedon": "2026-03-01T00:00:00Z" }));
    add("contact", 43, "twice@x.example", 0, crate::crm::account(21));
    add("lead", 44, "twice@x.example", 0, json!({ "modifiedon": "2026-03-01T00:00:00Z" }));
    add("lead", 45, "twice@x.example", 0, json!({ "modifiedon": "2026-03-01T00:00:00Z" }));
    add("contact", 46, "merged@x.example", 1, json!({ "merged": true, "_masterid_value": id(47) }));
    add("contact", 47, "master@x.example", 0, crate::crm::account(20));
    add("lead", 48, "became@x.example", 1, json!({ "_parentcontactid_value": id(49) }));
    add("contact", 49, "contact-of-became@x.example", 0, json!({}));
    add("lead", 50, "origin@x.example", 1, json!({}));
    add("contact", 51, "contact-of-origin@x.example", 0, json!({ "_originatingleadid_value": id(50) }));
    add("lead", 52, "firm@x.example", 0, json!({ "companyname": "CONTOSO" }));
    add("lead", 53, "firm@x.example", 0, json!({ "companyname": "fabrikam  ltd" }));
    add("contact", 54, "firm@x.example", 0, json!({ "parentcustomerid_account": { "name": "Contoso" } }));
    add("contact", 55, "known@x.example", 0, json!({ "new_ineventparticipantid": "x1" }));
    related::seed(&crm);
    for (code, campaign) in CODES {
        crm.by_hand(("campaign", campaign), json!({ (CODE): code }));
    }
    add("contact", 56, "badge@x.example", 0, json!({ "new_badge": "B 7" }));
    add("lead", 57, "badge-of-lead@x.example", 0, json!({ "new_badge": "c8", "companyname": "Contoso" }));
    add("contact", 58, "badge-of-firm@x.example", 0, json!({ "new_badge": "b 7", "new_firm": "contoso" }));
    crm
}

pub fn text<'a>(row: &'a Columns, column: &str) -> Option<&'a str> {
    row.get(column)?.as_str()
}

/// Whether a contact is active, a lead open.
pub fn is_open(row: &Columns) -> bool {
    row["statecode"] == 0
}

fn id(row: &Columns, column: &str) -> Option<Uuid> {
    text(row, column)?.parse().ok()
}

/// Who stands for a person now.
pub fn stands_for(crm: &Table, person: Person) -> Option<Person> {
    let row = crm.get(&person)?;
    if row.get("merged") == Some(&json!(true)) {
        return stands_for(crm, (person.0, id(row, "_masterid_value")?));
    }
    if person.0 == "lead" && row["statecode"] == 1 {
        let named = id(row, "_parentcontactid_value");
        let made = || crm.iter().find(|(_, row)| id(row, "_originatingleadid_value") == Some(person.1));
        return match named.or_else(|| Some(made()?.0.1)) {
            Some(contact) => stands_for(crm, ("contact", contact)),
            None => Some(person),
        };
    }
    Some(person)
}

impl<'a> People<'a> {
    pub fn new(crm: &'a Table, settings: &'a Settings, events: &'a [ParticipantEvent]) -> Self {
        let mut people = Self {
            crm,
            settings,
            known: Vec::new(),
            heard: heard(events, settings),
            keys: BTreeMap::new(),
            links: Vec::new(),
            settled: BTreeMap::new(),
            candidates: BTreeMap::new(),
        };
        // Whoever states a key is somebody where people are created, and what is refused of them says nothing.
        let states_key = |event: &ParticipantEvent| people.keys_stated(event).first().is_some_and(|key| !is_guest(key));
        let spoken = people
            .heard
            .clone()
            .into_iter()
            .filter(|event| !(settings.refuses(event) && people.creates(event) && states_key(event)));
        people.heard = spoken.collect();
        let there = crm.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead"));
        people.known = there.map(|(person, row)| (*person, people.keys_of(person.0, row))).collect();
        people.keys = people.heard.iter().map(|event| (event.id.as_str(), people.keys_stated(event))).collect();
        let all: BTreeSet<String> = people.keys.values().flatten().cloned().collect();
        people.links = people.linking();
        people.settled = all.iter().filter_map(|key| Some((key.clone(), people.settle(key)?))).collect();
        people.candidates = all.iter().map(|key| (key.clone(), people.meant(key))).collect();
        people
    }

    pub fn heard(&self) -> &[&'a ParticipantEvent] {
        &self.heard
    }

    /// What is said of a participant of an event beside a statement.
    fn of_same(&self, event: &ParticipantEvent) -> impl Iterator<Item = &'a ParticipantEvent> {
        let participant = of(event);
        self.heard.iter().copied().filter(move |other| of(other) == participant)
    }

    /// The keys that a statement states, the strongest first.
    fn keys(&self, event: &ParticipantEvent) -> &[String] {
        self.keys.get(event.id.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The same of a statement that need not be one of these.
    pub fn keys_stated(&self, event: &ParticipantEvent) -> Vec<String> {
        let Some(person) = &event.participant else { return Vec::new() };
        let keys: Vec<String> = self.keys_set().all().iter().filter_map(|key| key.stated(event)).collect();
        match self.settings.matching.without_key {
            WithoutKey::Create if keys.is_empty() => vec![format!("participant\n{}\n{}", event.event.id, person.id)],
            _ => keys,
        }
    }

    /// What a row is found by.
    pub fn keys_of(&self, table: &str, row: &Columns) -> Vec<String> {
        self.keys_set().all().iter().filter_map(|key| key.of_row(table, row)).collect()
    }

    pub(super) fn keys_set(&self) -> Keys {
        self.settings.matching.keys
    }

    /// Who has a key in the CRM as it was: somebody open, else who stands for somebody closed.
    pub fn found(&self, key: &str) -> Option<Person> {
        let mut tables = ["contact", "lead"];
        if self.settings.matching.leads_first {
            tables.reverse();
        }
        let precedence =
            |person: &Person| (Reverse(text(&self.crm[person], "modifiedon").map(str::to_owned)), person.1);
        let mut all = Vec::new();
        for table in tables {
            let having =
                self.known.iter().filter(|(person, keys)| person.0 == table && keys.iter().any(|one| one == key));
            let mut having: Vec<Person> = having.map(|(person, _)| *person).collect();
            having.sort_by_key(precedence);
            let inactive = |person: &&Person| {
                let row = &self.crm[*person];
                self.settings.matching.inactive_contacts && table == "contact" && !row.contains_key("merged")
            };
            let open = having.iter().find(|person| is_open(&self.crm[*person]));
            if let Some(person) = open.or_else(|| having.iter().find(inactive)) {
                return Some(*person);
            }
            all.extend(having);
        }
        let successors = all.into_iter().filter_map(|person| stands_for(self.crm, person));
        successors.filter(|person| is_open(&self.crm[person])).min_by_key(precedence)
    }

    fn linking(&self) -> Vec<BTreeSet<String>> {
        let of_statement = |event: &&ParticipantEvent| {
            let (keys, parts) = (self.keys(event), self.keys_set().parts_stated(event));
            // Who states a part only may change the key of whomever the participant is.
            let partial = !parts.is_empty() && keys.first().is_none_or(|key| is_guest(key));
            let others = self.of_same(event).filter(|_| partial).flat_map(|other| self.keys(other));
            keys.iter().chain(others).cloned().chain(parts).collect()
        };
        let of_known = |(person, keys): &(Person, Vec<String>)| {
            keys.iter().cloned().chain(self.keys_set().part_of(&self.crm[person])).collect()
        };
        self.heard.iter().map(of_statement).chain(self.known.iter().map(of_known)).collect()
    }

    /// The keys that belong together because some statement states both, or somebody has both, or each belongs to one of these.
    fn linked(&self, key: &str) -> BTreeSet<String> {
        let mut linked = BTreeSet::from([key.to_owned()]);
        loop {
            let of_these = self.links.iter().filter(|keys| !keys.is_disjoint(&linked));
            let more: Vec<String> = of_these.flatten().cloned().collect();
            let before = linked.len();
            linked.extend(more);
            if linked.len() == before {
                return linked;
            }
        }
    }

    /// Who has the key before anybody is created, if that cannot change: an external id may be given to somebody who is found by
    /// their address.
    pub(super) fn settled(&self, key: &str) -> Option<Person> {
        self.settled.get(key).copied()
    }

    fn settle(&self, key: &str) -> Option<Person> {
        let place = self.keys_set().place(key);
        let of_kind = || self.linked(key).iter().filter(|key| self.keys_set().place(key) == place).count();
        // Whoever is found by a stronger key takes over a weaker one that is stated along.
        let taken_over = || self.keys.values().any(|keys| keys.iter().skip(1).any(|weaker| weaker == key));
        self.found(key).filter(|_| !self.changes(key) || of_kind() == 1 && !taken_over())
    }

    /// Everybody whom the key may mean in the end; nobody where nobody has it and no event asks for somebody.
    pub fn candidates(&self, key: &str) -> BTreeSet<Person> {
        self.candidates.get(key).cloned().unwrap_or_default()
    }

    fn meant(&self, key: &str) -> BTreeSet<Person> {
        if let Some(person) = self.settled(key) {
            return BTreeSet::from([person]);
        }
        let linked = self.linked(key);
        let weaker = self.keys_set().has_weaker(key) || self.changes(key);
        let there = linked.iter().filter(|_| weaker).filter_map(|key| self.found(key));
        there.chain(linked.iter().flat_map(|key| self.created(key))).collect()
    }

    /// Whether whoever has the key may get another one.
    fn changes(&self, key: &str) -> bool {
        self.keys_set().changes(key)
    }

    /// Where the events ask for somebody with this as their strongest key.
    pub(super) fn tables(&self, key: &str) -> BTreeSet<&'static str> {
        let asks = |event: &&&ParticipantEvent| {
            let keys = self.keys(event);
            keys.first().is_some_and(|strongest| strongest == key) && keys.iter().all(|key| self.settled(key).is_none())
        };
        self.heard.iter().filter(asks).filter_map(|event| self.settings.of(&event.event.id).creates()).collect()
    }

    /// Whom the events may create for a key.
    pub(super) fn created(&self, key: &str) -> BTreeSet<Person> {
        let person = |table, generation| match table {
            "lead" => (table, ids::lead("t", key, generation)),
            _ => (table, ids::contact("t", key, generation)),
        };
        let several = self.keys_set().change() || self.changes(key);
        let generations = if several { GENERATIONS } else { 1 };
        let free = |table| (0..).find(|generation| !self.crm.contains_key(&person(table, *generation))).unwrap_or(0);
        self.tables(key)
            .into_iter()
            .flat_map(|table| (0..generations).map(move |more| person(table, free(table) + more)))
            .collect()
    }

    pub fn counts(&self, event: &ParticipantEvent) -> Counts {
        let known = |event: &ParticipantEvent| {
            self.of_same(event).any(|other| {
                let keys = self.keys(other);
                keys.first().is_some_and(|key| !is_guest(key)) && self.counts(other) != Counts::Never
            })
        };
        let keys = self.keys(event);
        let ignores = self.settings.of(&event.event.id).unmatched == Unmatched::Ignore;
        if self.settings.refuses(event) {
            return match keys.iter().any(|key| self.settled(key).is_some()) {
                true => Counts::Never,
                // If nobody was known when it came.
                false => Counts::Perhaps,
            };
        }
        match keys.first() {
            None if self.settings.matching.without_key != WithoutKey::Ignore => Counts::Surely,
            None if known(event) => Counts::Perhaps,
            None => Counts::Never,
            Some(_) if !ignores => Counts::Surely,
            Some(key) if is_guest(key) && known(event) => Counts::Perhaps,
            Some(_) if keys.iter().any(|key| self.settled(key).is_some()) => Counts::Surely,
            Some(key) if self.candidates(key).is_empty() => Counts::Never,
            Some(_) => Counts::Perhaps,
        }
    }

    /// Whom a statement may be about, and whether it is about just that one.
    pub fn about(&self, event: &ParticipantEvent) -> (BTreeSet<Person>, bool) {
        let others = || {
            let keys = self.of_same(event).filter_map(|other| self.keys(other).first().cloned());
            keys.collect::<BTreeSet<String>>()
        };
        match self.keys(event).first() {
            Some(key) if !is_guest(key) || others().len() == 1 => {
                let people = self.candidates(key);
                let surely = people.len() == 1 && (self.settled(key).is_some() || self.creates(event));
                (people, surely)
            }
            _ => (others().iter().flat_map(|key| self.candidates(key)).collect(), false),
        }
    }

    /// Whether it matters when something is said: somebody may be found or known later whom nobody found at first, or be made as a
    /// contact and as a lead in the same moment.
    pub fn came_too_early(&self) -> bool {
        let of_nobody = |event: &&ParticipantEvent| {
            let keys = self.keys(event);
            let found = keys.iter().any(|key| self.settled(key).is_some());
            let several = keys.first().is_none_or(|key| is_guest(key) || self.candidates(key).len() > 1);
            several || !found && !self.creates(event)
        };
        self.keys_set().change() || self.heard.iter().copied().any(|event| of_nobody(&event))
    }

    pub(super) fn creates(&self, event: &ParticipantEvent) -> bool {
        self.settings.of(&event.event.id).creates().is_some()
    }

    /// Whom the rows of a participant may regard, by what was said of them and counts.
    pub fn regarded(&self, said: &[&ParticipantEvent]) -> BTreeSet<Option<Person>> {
        let strongest = |event: &ParticipantEvent| self.keys(event).first().cloned();
        let strength = |key: &str| (!is_guest(key), Reverse(self.keys_set().place(key)));
        let best = said.iter().filter_map(|event| strongest(event)).map(|key| strength(&key)).max();
        let of_best = |event: &ParticipantEvent| strongest(event).filter(|key| Some(strength(key)) == best);
        let mut allowed = BTreeSet::new();
        for key in latest(said, of_best) {
            allowed.extend(self.candidates(&key).into_iter().map(Some));
            let asks = |event: &&&ParticipantEvent| strongest(event).as_ref() == Some(&key);
            let found_or_made = |event: &&ParticipantEvent| {
                self.creates(event)
                    || self.settings.of(&event.event.id).unmatched == Unmatched::Ignore && !is_guest(&key)
            };
            if self.settled(&key).is_none() && !said.iter().filter(asks).any(found_or_made) {
                let before = said.iter().filter_map(|event| strongest(event)).flat_map(|key| self.candidates(&key));
                allowed.extend(before.map(Some).chain([None]));
            }
        }
        if best.is_none() { BTreeSet::from([None]) } else { allowed }
    }

    /// What is said of each person.
    pub(super) fn said(&self) -> BTreeMap<Person, Row<'a>> {
        let mut said: BTreeMap<Person, Row<'a>> = BTreeMap::new();
        for event in self.heard.iter().filter(|event| !self.settings.refuses(event)) {
            let counts = self.counts(event);
            let (people, just_one) = self.about(event);
            for person in people.into_iter().filter(|_| counts != Counts::Never) {
                let made = || (!self.crm.contains_key(&person)).then(Vec::new);
                let blank = || Row { surely: Vec::new(), perhaps: Vec::new(), makers: made() };
                let row = said.entry(person).or_insert_with(blank);
                let known = if just_one && counts == Counts::Surely { &mut row.surely } else { &mut row.perhaps };
                known.push(event);
                row.makers.iter_mut().filter(|_| self.creates(event)).for_each(|makers| makers.push(event));
            }
        }
        said
    }

    /// Holds the people of the CRM against whom the rules allow, and their columns against what was said of them, `earlier` too.
    pub fn compare(&self, after: &Table, earlier: Option<&Self>) -> Result<(), String> {
        for event in &self.heard {
            let (people, just_one) = self.about(event);
            let there = people.iter().any(|person| after.contains_key(person));
            let keys = self.keys(event);
            let asks = self.creates(event) && !self.settings.refuses(event);
            if keys.first().is_some_and(|key| just_one || !is_guest(key)) && asks && !there {
                return Err(format!("nobody is there for {keys:?} of {:?}", of(event)));
            }
        }
        let mut said = self.said();
        // What was said of somebody who was deleted says nothing of whoever follows.
        let still_there = |(person, _): &(Person, _)| self.crm.contains_key(person);
        for (person, before) in earlier.into_iter().flat_map(Self::said).filter(still_there) {
            said.entry(person).and_modify(|row| row.surely.extend(before.surely));
        }
        for (person, row) in after.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead")) {
            let before = self.crm.get(person);
            let Some(said) = said.get(person) else {
                if before != Some(row) {
                    return Err(format!("nothing was said of {person:?}: {row:?}"));
                }
                continue;
            };
            self.compare_columns(*person, row, said)?;
        }
        Ok(())
    }

    /// Holds columns against what was said.
    pub fn compare_columns(&self, person: Person, row: &Columns, said: &Row<'_>) -> Result<(), String> {
        let minimal = self.settings.minimal && said.makers.is_some();
        let of_table = |mapping: &&Mapping| mapping.tables.contains(&person.0);
        for mapping in self.settings.mappings.iter().filter(of_table) {
            let left_alone = minimal && !self.stays(person.0, mapping.column);
            let had = match (self.crm.get(&person), mapping.column) {
                (Some(before), _) => vec![mapping.found(before).cloned().unwrap_or_default()],
                (None, "lastname") => self.fallbacks(said),
                (None, _) => vec![Value::Null],
            };
            let allowed = match left_alone {
                true => had,
                false => mapping.allowed(said, &had),
            };
            if !holds(mapping.found(row), &allowed) {
                let (column, found) = (mapping.column, mapping.found(row));
                return Err(format!("{person:?} has {found:?} in {column} ({:?}), not {allowed:?}", mapping.mode));
            }
        }
        Ok(())
    }

    /// Whether a column is written to new people of whom little is.
    pub(super) fn stays(&self, table: &str, column: &str) -> bool {
        self.keys_set().columns(table).contains(&column) || matches!(column, "firstname" | "lastname")
    }

    /// The last name of somebody who stated none: what stands before the `@`, or the participant's id.
    fn fallbacks(&self, said: &Row<'_>) -> Vec<Value> {
        let people = said.surely.iter().chain(&said.perhaps).filter_map(|event| event.participant.as_ref());
        let name = |person: &inevent_d365::model::Participant| match words(person.email.as_deref()) {
            Some(address) => folded(&address).split('@').next().unwrap().to_owned(),
            None => person.id.clone(),
        };
        people.map(|person| name(person).into()).collect()
    }
}

/// A participant who stated no key, and is somebody all the same.
pub fn is_guest(key: &str) -> bool {
    key.starts_with("participant\n")
}
