//! Whom the CRM's duplicate detection rule takes somebody new for, and what becomes of the statements about them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use inevent_d365::model::ParticipantEvent;
use proptest::{prelude::*, sample::select};
use serde_json::json;
use uuid::Uuid;

use super::{
    compare,
    keys::Keys,
    people::{People, Person, is_open, seeded, stands_for, text},
    settings::{Settings, WithoutKey, settings},
    statements,
};
use crate::{
    Table, cases,
    crm::MemoryCrm,
    duplicates::Rule,
    histories::{Delivery, history},
    processes::{Chance, Delivered},
};

/// The rule, and what is done where it names closed people only.
#[derive(Debug, Clone, Copy)]
pub struct Detection {
    pub rule: Rule,
    pub closed: Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Create,
    Adopt,
    Park,
}

/// What becomes of somebody who is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// They are created, or taken for whoever was created before: whoever of these comes first.
    Created,
    Adopted(Person),
    Parked,
}

const CLOSED: &str = "closed@x.example";

const RULES: [Rule; 2] = [
    Rule { name: "Same address", column: "emailaddress1", characters: 100 },
    Rule { name: "Alike", column: "emailaddress1", characters: 4 },
];

impl Detection {
    /// What the settings say of it.
    pub fn closed(self) -> &'static str {
        match self.closed {
            Closed::Create => "create",
            Closed::Adopt => "adopt",
            Closed::Park => "park",
        }
    }

    /// What the rule compares of somebody who is created for a key.
    pub fn compared(self, key: &str) -> String {
        let address = key.strip_prefix("address+company\n").map_or(key, |key| key.split('\n').next().unwrap());
        self.rule.compared(address)
    }

    /// The people there whom the rule names for a key.
    fn named(self, crm: &Table, key: &str) -> BTreeSet<Person> {
        let alike = crm.iter().filter(|((table, _), row)| {
            matches!(*table, "contact" | "lead") && self.rule.of_row(row) == Some(self.compared(key))
        });
        alike.map(|(person, _)| *person).collect()
    }

    /// What becomes of somebody who is created for a key, by the people who were there before.
    pub fn fate(self, crm: &Table, key: &str) -> Fate {
        let named: BTreeSet<Person> =
            self.named(crm, key).into_iter().filter_map(|person| stands_for(crm, person)).collect();
        for table in ["contact", "lead"] {
            let open: Vec<&Person> =
                named.iter().filter(|person| person.0 == table && is_open(&crm[*person])).collect();
            match open[..] {
                [] => {}
                [one] => return Fate::Adopted(*one),
                [..] => return Fate::Parked,
            }
        }
        let modified = |person: &Person| (Reverse(text(&crm[person], "modifiedon").map(str::to_owned)), person.1);
        match (self.closed, named.into_iter().min_by_key(modified)) {
            (Closed::Adopt, Some(person)) => Fate::Adopted(person),
            (Closed::Park, Some(_)) => Fate::Parked,
            _ => Fate::Created,
        }
    }
}

/// Somebody open or several of whom others are taken for duplicates, beside the closed ones of every history.
fn alike() -> MemoryCrm {
    let crm = seeded();
    crm.add("lead", 60, "otherwise@x.example", 0);
    crm.add("contact", 61, "ana@a.example", 0);
    crm.add("contact", 62, "ana@b.example", 0);
    // The closed one who was modified last.
    crm.add("lead", 63, CLOSED, 1);
    crm.by_hand(("lead", Uuid::from_u128(63)), json!({ "modifiedon": "2026-03-01T00:00:00Z" }));
    crm
}

fn detecting() -> impl Strategy<Value = (Settings, Rule)> {
    let closed = select(vec![Closed::Create, Closed::Adopt, Closed::Park]);
    let how = (closed, any::<bool>(), prop::bool::weighted(0.9));
    (settings(), select(RULES.to_vec()), how).prop_map(|(mut settings, rule, (closed, company, detects))| {
        settings.detection = detects.then_some(Detection { rule, closed });
        let matching = &mut settings.matching;
        matching.keys = if company { Keys::EmailAndCompany } else { Keys::Email };
        // A lead of a guest may get an address that is no key of theirs.
        if matching.without_key == WithoutKey::Create {
            matching.without_key = WithoutKey::Report;
        }
        (settings, rule)
    })
}

/// Holds what was parked against the rules: `parked` by the statement's id, with the reason.
fn compare_parked(
    people: &People<'_>,
    events: &[ParticipantEvent],
    parked: &BTreeMap<String, String>,
    (crm, detection): (&Table, Option<Detection>),
) -> Result<(), String> {
    let Some(detection) = detection else { return Ok(()) };
    for event in events {
        let reason = parked.get(&event.id).filter(|reason| reason.contains("duplicate"));
        match (people.parked(event), reason) {
            (None, Some(reason)) => return Err(format!("{} is parked: {reason}", event.id)),
            (Some(_), None) => return Err(format!("{} is not parked", event.id)),
            (None, None) => {}
            (Some(key), Some(reason)) => {
                let ids = detection.named(crm, key).into_iter().map(|(table, id)| format!("{table} {id}"));
                if let Some(lacks) = ids.chain([detection.rule.name.to_owned()]).find(|name| !reason.contains(name)) {
                    return Err(format!("{lacks} is not named: {reason}"));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 8, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_a_duplicate_is_adopted_created_or_parked(
        events in history(), delivery in any::<Delivery>(), (settings, rule) in detecting(), seed: u64,
    ) {
        let mut events = statements::told(events, seed, true);
        let mut chance = Chance::new(seed.rotate_left(7));
        for person in events.iter_mut().filter_map(|event| event.participant.as_mut()) {
            person.email = person.email.take().map(|email| if chance.one_in(3) { CLOSED.to_owned() } else { email });
        }
        let delivery = Delivery { settings: settings.document(), ..delivery };
        let mut crm = alike();
        crm.rule = Some(rule);
        let before = crm.rows(false);
        let people = People::new(&before, &settings, &events);
        let delivered = Delivered::into(&crm);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let holds = || {
            let after = crm.rows(false);
            compare(&after, &people, &settings, &events)?;
            people.compare(&after, None)?;
            super::related::compare(&people, &settings, &before, &after)?;
            compare_parked(&people, &events, &delivered.parked(), (&before, settings.detection))
        };
        delivered.run(&delivery.deliveries(&events), &delivery);
        holds().map_err(failed)?;
        let calm = Delivery { processes: 1, ..delivery.calm() };
        let again = calm.deliveries(&events);
        (0..3).for_each(|_| delivered.run(&again, &calm));
        let written = crm.writes();
        delivered.run(&again, &calm);
        prop_assert_eq!(crm.writes(), written, "a replay writes");
        holds().map_err(|why| failed(format!("after the replay {why}")))?;
    }
}
