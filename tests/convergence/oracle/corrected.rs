//! Leads whose address is corrected. Which lead carries an address that its only participant has now is first-come; held against the
//! CRM is what is true in any order, by who has which address in the end.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::model::{ParticipantEvent, ids};
use proptest::prelude::*;

use super::{
    attendance,
    columns::Row,
    compare_row, found,
    keys::{Key, Keys, folded},
    people::{People, Person, is_open, stands_for, text},
    regarded::regards,
    settings::{Settings, Unmatched, settings},
    statements::{self, latest},
};
use crate::{
    Table, cases,
    histories::{Delivery, history},
    processes::{Chance, Delivered},
};

/// Addresses between which participants change: of nobody, of leads that only the connector's participants use, and of contacts.
const ADDRESSES: [&str; 8] = [
    "ana@x.example",
    "Eva@x.example",
    "rui@x.example",
    "lead@x.example",
    "both@x.example",
    "twice@x.example",
    "firm@x.example",
    "contact@x.example",
];

/// How many leads may be made for one address: each time that those who had it have another one.
const GENERATIONS: u32 = 4;

type Participant = (String, String);

struct Corrected<'a> {
    before: &'a Table,
    after: &'a Table,
    settings: &'a Settings,
    events: &'a [ParticipantEvent],
    /// As the CRM was, and as it is.
    people: &'a People<'a>,
    now: &'a People<'a>,
    said: BTreeMap<Participant, Vec<&'a ParticipantEvent>>,
    /// For which address the connector may make somebody.
    made: BTreeMap<Person, String>,
    /// The addresses that each person may have had.
    addresses: BTreeMap<Person, BTreeSet<String>>,
    /// Nothing was under way beside anything else.
    alone: bool,
}

fn key(event: &ParticipantEvent) -> String {
    Key::Address.stated(event).unwrap()
}

impl<'a> Corrected<'a> {
    fn new(
        (before, after): (&'a Table, &'a Table),
        (people, now): (&'a People<'a>, &'a People<'a>),
        settings: &'a Settings,
        events: &'a [ParticipantEvent],
        alone: bool,
    ) -> Self {
        let mut said: BTreeMap<Participant, Vec<&ParticipantEvent>> = BTreeMap::new();
        let mut made = BTreeMap::new();
        for event in people.heard() {
            said.entry(statements::of(event).unwrap()).or_default().push(event);
            let (key, table) = (key(event), settings.of(&event.event.id).creates());
            made.extend(
                table.into_iter().flat_map(|table| (0..GENERATIONS).map(move |generation| (table, generation))).map(
                    |(table, generation)| {
                        let id = if table == "lead" { ids::lead } else { ids::contact };
                        ((table, id("t", &key, generation)), key.clone())
                    },
                ),
            );
        }
        let addresses = BTreeMap::new();
        let mut corrected = Self { before, after, settings, events, people, now, said, made, addresses, alone };
        let persons = after.keys().filter(|(table, _)| matches!(*table, "contact" | "lead"));
        corrected.addresses = persons.map(|person| (*person, corrected.may_have_had(*person))).collect();
        corrected
    }

    /// The address that somebody had before anything was said, or was made for.
    fn first_address(&self, person: Person) -> Option<String> {
        match self.before.get(&person) {
            Some(row) => text(row, "emailaddress1").map(folded),
            None => self.made.get(&person).cloned(),
        }
    }

    /// A lead may get each address of a participant who may be known by one that it may have.
    fn may_have_had(&self, person: Person) -> BTreeSet<String> {
        let mut had: BTreeSet<String> = self.first_address(person).into_iter().collect();
        // Whoever is found for those whom they stand for.
        let stood_for = self.before.keys().filter(|one| stands_for(self.before, **one) == Some(person));
        had.extend(stood_for.filter_map(|one| text(&self.before[one], "emailaddress1")).map(folded));
        if person.0 != "lead" {
            return had;
        }
        loop {
            let owners = self.said.values().map(|said| said.iter().map(|event| key(event)).collect::<BTreeSet<_>>());
            let more: BTreeSet<String> = owners.filter(|keys| !keys.is_disjoint(&had)).flatten().collect();
            let more: Vec<String> = more.into_iter().filter(|key| self.always(key).is_none()).collect();
            let before = had.len();
            had.extend(more);
            if had.len() == before {
                return had;
            }
        }
    }

    /// The contact who has an address before anything is said, and keeps it.
    fn always(&self, key: &str) -> Option<Person> {
        self.people.found(key).filter(|person| person.0 == "contact")
    }

    fn address(&self, person: Person) -> Option<String> {
        text(&self.after[&person], "emailaddress1").map(folded)
    }

    /// The addresses that a participant of an event stated at another one.
    fn stated_elsewhere(&self, event: &str, participant: &str) -> BTreeSet<String> {
        let elsewhere = self.said.iter().filter(|((other, one), _)| one == participant && other != event);
        elsewhere.flat_map(|(_, said)| said.iter().map(|event| key(event))).collect()
    }

    fn open(&self, address: &str) -> Vec<Person> {
        let people = self.after.iter().filter(|((table, _), row)| matches!(*table, "contact" | "lead") && is_open(row));
        people.map(|(person, _)| *person).filter(|person| self.address(*person).as_deref() == Some(address)).collect()
    }

    /// Whom the rows of a participant may regard.
    fn regarded(&self, (event, participant): &Participant, said: &[&ParticipantEvent]) -> BTreeSet<Option<Person>> {
        let mut allowed = BTreeSet::new();
        for last in latest(said, |event| Some(key(event))) {
            if let Some(contact) = self.always(&last) {
                allowed.insert(Some(contact));
                continue;
            }
            allowed.extend(self.now.found(&last).map(Some));
            // Their own lead, which has an address of theirs by now that they stated at another event.
            let leads = self.addresses.iter().filter(|((table, _), had)| *table == "lead" && had.contains(&last));
            let theirs = self.stated_elsewhere(event, participant);
            let moved = leads.map(|(lead, _)| *lead).filter(|lead| {
                let address = self.address(*lead).unwrap();
                address != last && (!self.alone || theirs.contains(&address))
            });
            allowed.extend(moved.map(Some));
            if !self.alone {
                allowed.extend(self.open(&last).into_iter().map(Some));
            }
            if self.settings.of(event).creates().is_none() {
                let keys: Vec<String> = said.iter().map(|event| key(event)).collect();
                let before = |had: &BTreeSet<String>| keys.iter().any(|key| had.contains(key));
                allowed.extend(self.addresses.iter().filter(|(_, had)| before(had)).map(|(person, _)| Some(*person)));
                allowed.insert(None);
            }
        }
        allowed
    }

    fn compare_rows(&self) -> Result<(), String> {
        let found = found(self.after);
        if found.keys().ne(self.said.keys()) {
            return Err(format!("there are rows of {:?}, not {:?}", found.keys(), self.said.keys()));
        }
        for (participant, said) in &self.said {
            let expected = attendance::rows(said, self.events, self.settings.of(&participant.0));
            let rows = &found[participant];
            if rows.keys().ne(expected.keys()) {
                return Err(format!("there are rows of {:?}, not {:?}", rows.keys(), expected.keys()));
            }
            let regarded = self.regarded(participant, said).into();
            for (session, shown) in &expected {
                compare_row(rows[session], shown, &regarded, said, (self.settings, self.after))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
            let people: BTreeSet<_> = rows.values().map(|(_, _, row)| regards(row)).collect();
            if self.alone && people.len() > 1 && self.settings.of(&participant.0).creates().is_some() {
                return Err(format!("the rows of {participant:?} regard {people:?}"));
            }
        }
        Ok(())
    }

    fn compare_addresses(&self) -> Result<(), String> {
        let found = found(self.after);
        for (person, had) in &self.addresses {
            let Some(first) = self.first_address(*person) else { return Err(format!("nobody asked for {person:?}")) };
            let address = self.address(*person).unwrap();
            if !(if person.0 == "lead" { had.contains(&address) } else { address == first }) {
                return Err(format!("{person:?} has the address {address}, not one of {had:?}"));
            }
            if !self.alone {
                continue;
            }
            let same = self.open(&address);
            if (address != first || !self.before.contains_key(person)) && is_open(&self.after[person]) && same.len() > 1
            {
                return Err(format!("{same:?} have the address {address}"));
            }
            // Whoever is there by another address than the lead has now is the only one to whom it was given.
            let by_another = found.iter().filter(|(participant, rows)| {
                let last = || latest(&self.said[*participant], |event| Some(key(event)));
                rows.values().any(|(_, _, row)| regards(row) == Some(*person))
                    && self.settings.of(&participant.0).creates().is_some()
                    && !last().contains(&address)
            });
            let by_another: BTreeSet<&str> = by_another.map(|((_, participant), _)| participant.as_str()).collect();
            if person.0 == "lead" && by_another.len() > 1 {
                return Err(format!("{person:?} got the address {address} though {by_another:?} use it"));
            }
        }
        Ok(())
    }

    /// `settled`: a replay writes nothing any more, so whoever has an address knows what was said under it by those who have it.
    fn compare_columns(&self, settled: bool) -> Result<(), String> {
        for (person, row) in self.after.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead")) {
            let had = &self.addresses[person];
            let makers = (!self.before.contains_key(person)).then(Vec::new);
            let mut said_of = Row { surely: Vec::new(), perhaps: Vec::new(), makers };
            for said in self.said.values() {
                let last = latest(said, |event| Some(key(event)));
                let theirs = said.iter().any(|event| had.contains(&key(event)));
                for event in said {
                    let key = key(event);
                    let always = self.always(&key);
                    let has = || settled && last == [key.clone()] && self.now.found(&key) == Some(*person);
                    match always {
                        Some(contact) if contact == *person => said_of.surely.push(event),
                        Some(_) => continue,
                        None if has() => said_of.surely.push(event),
                        None if had.contains(&key) || theirs && person.0 == "lead" => said_of.perhaps.push(event),
                        None => continue,
                    }
                    let creates = self.settings.of(&event.event.id).creates().is_some();
                    said_of.makers.iter_mut().filter(|_| creates).for_each(|makers| makers.push(event));
                }
            }
            if said_of.surely.is_empty() && said_of.perhaps.is_empty() {
                if self.before.get(person) != Some(row) {
                    return Err(format!("nothing was said of {person:?}: {row:?}"));
                }
                continue;
            }
            self.people.compare_columns(*person, row, &said_of)?;
        }
        Ok(())
    }

    fn compare(&self, settled: bool) -> Result<(), String> {
        self.compare_rows()?;
        self.compare_addresses()?;
        self.compare_columns(settled)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 8, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_corrected_address_is_where_some_order_puts_it(
        events in history(), delivery in any::<Delivery>(), settings in settings(), seed: u64, alone: bool,
    ) {
        let mut settings = settings;
        (settings.matching.keys, settings.matching.corrects) = (Keys::Email, true);
        // What is refused where nobody is created says something or nothing.
        let required = settings.mappings.iter().any(|mapping| mapping.json()["required"] == true);
        for rules in &mut settings.events {
            match rules.unmatched {
                Unmatched::UpdateOnly | Unmatched::Ignore if required => rules.unmatched = Unmatched::CreateLead,
                Unmatched::Ignore => rules.unmatched = Unmatched::UpdateOnly,
                _ => {}
            }
        }
        let mut events = statements::told(events, seed, false);
        let mut chance = Chance::new(seed.rotate_left(9));
        for person in events.iter_mut().filter_map(|event| event.participant.as_mut()) {
            if !chance.one_in(3) {
                person.email = Some(ADDRESSES[chance.below(ADDRESSES.len())].to_owned());
            }
        }
        let settings = settings;
        let delivery = Delivery { settings: settings.document(), ..delivery };
        let delivery = if alone { Delivery { processes: 1, lanes: 1, ..delivery } } else { delivery };
        let alone = delivery.processes == 1 && delivery.lanes == 1;
        let crm = super::people::seeded();
        let before = crm.rows(false);
        let people = People::new(&before, &settings, &events);
        let delivered = Delivered::into(&crm);
        delivered.run(&delivery.deliveries(&events), &delivery);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let holds = |settled| {
            let after = crm.rows(false);
            let now = People::new(&after, &settings, &events);
            Corrected::new((&before, &after), (&people, &now), &settings, &events, alone).compare(settled)
        };
        holds(false).map_err(failed)?;

        // What was said under an address that its participant left behind may make somebody of it once, whom others find then.
        let calm = Delivery { processes: 1, lanes: 1, ..delivery.calm() };
        delivered.run(&calm.deliveries(&events), &calm);
        let written = crm.writes();
        delivered.run(&calm.deliveries(&events), &calm);
        if crm.writes() > written {
            return Err(failed(format!("the second replay writes {} times", crm.writes() - written)));
        }
        holds(true).map_err(|why| failed(format!("after the replay {why}")))?;
    }
}
