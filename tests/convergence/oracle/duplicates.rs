//! Whom the CRM's duplicate detection rule takes somebody new for, and what becomes of the statements about them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use inevent_d365::model::ParticipantEvent;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    compare,
    people::{People, Person, is_open, seeded, stands_for, text},
    settings::{Settings, settings},
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// They are created, or taken for whoever was created before: whoever of these comes first.
    Created,
    Adopted(Person),
    Parked,
}

const CLOSED: &str = "closed@x.example";

const RULES: [Rule; 12] = [
    Rule::same("Same address", "emailaddress1"),
    Rule { characters: 4, ..Rule::same("Alike", "emailaddress1") },
    Rule { closed: false, ..Rule::same("Open ones alike", "emailaddress1") },
    Rule::same("Same last name", "lastname"),
    Rule { of: &["lead"], among: &["contact"], ..Rule::same("Lead of a contact's name", "lastname") },
    Rule { characters: 1, ..Rule::same("Same initial", "firstname") },
    Rule { of: &["lead"], among: &["lead"], ..Rule::same("Same company", "companyname") },
    Rule::same("Same id", "new_ineventparticipantid"),
    Rule::same("Same badge", "new_badge"),
    Rule { of: &["contact"], ..Rule::same("Contact of a badge", "new_badge") },
    Rule::same("Same note", "new_note"),
    // Whoever is made has none.
    Rule::same("Same firm", "new_firm"),
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

    /// What becomes of somebody for whom the rule names these.
    pub fn fate(self, crm: &Table, named: &BTreeSet<Person>) -> Fate {
        // Who is new is open, and stands for nobody else.
        let stand_for =
            |person: &Person| if crm.contains_key(person) { stands_for(crm, *person) } else { Some(*person) };
        let named: BTreeSet<Person> = named.iter().filter_map(stand_for).collect();
        for table in ["contact", "lead"] {
            let open = |person: &&Person| person.0 == table && crm.get(*person).is_none_or(is_open);
            match named.iter().filter(open).collect::<Vec<_>>()[..] {
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

/// People of whom others are taken for duplicates, open and closed, one and several, beside those of every history.
fn alike() -> MemoryCrm {
    let crm = seeded();
    let add = |table, id: u128, address: &str, state, more: Value| {
        crm.add(table, id, address, state);
        crm.by_hand((table, Uuid::from_u128(id)), more);
    };
    add("lead", 60, "otherwise@x.example", 0, json!({ "lastname": "A", "firstname": "Abel", "new_note": "1" }));
    add("contact", 61, "ana@a.example", 0, json!({ "lastname": "B", "new_firm": "Contoso" }));
    add("contact", 62, "ana@b.example", 0, json!({ "lastname": "Doe", "firstname": "Dora", "new_note": "yes" }));
    add(
        "lead",
        64,
        "dot@x.example",
        0,
        json!({ "lastname": "doe", "firstname": "Bert", "companyname": "Fabrikam Ltd" }),
    );
    add("contact", 65, "dan@x.example", 0, json!({ "lastname": "DOE", "new_note": "YES" }));
    add("lead", 66, "eve@x.example", 1, json!({ "lastname": "Eve", "firstname": "Eve", "new_badge": "9" }));
    // The closed one who was modified last.
    let last = json!({ "modifiedon": "2026-03-01T00:00:00Z", "lastname": "eve", "new_ineventparticipantid": "x0" });
    add("lead", 63, CLOSED, 1, last);
    crm
}

/// What participants are called, beside what histories call them.
const NAMES: [&str; 4] = ["A", "Doe", "Eve", "Fay"];

fn detecting() -> impl Strategy<Value = (Settings, Rule)> {
    let closed = select(vec![Closed::Create, Closed::Adopt, Closed::Park]);
    (settings(), select(RULES.to_vec()), closed, prop::bool::weighted(0.9)).prop_map(
        |(mut settings, rule, closed, detects)| {
            settings.detection = detects.then_some(Detection { rule, closed });
            (settings, rule)
        },
    )
}

/// The people that a reason names, by table and id.
fn named(reason: &str) -> BTreeSet<Person> {
    let words: Vec<&str> = reason.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect();
    let person = |words: &[&str]| {
        let table = ["contact", "lead"].into_iter().find(|table| words[0] == *table)?;
        Some((table, words[1].parse().ok()?))
    };
    words.windows(2).filter_map(person).collect()
}

/// Holds what was parked against the rules: `parked` by the statement's id, with the reason.
fn compare_parked<'a>(
    people: &People<'a>,
    events: &'a [ParticipantEvent],
    parked: &BTreeMap<String, String>,
    detection: Option<Detection>,
) -> Result<(), String> {
    for (id, reason) in parked {
        let may = detection.is_some_and(|detection| {
            let event = events.iter().find(|event| event.id == *id).unwrap();
            reason.contains(detection.rule.name) && people.parks(detection, event, &named(reason))
        });
        if !may {
            return Err(format!("{id} is parked: {reason}"));
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
            for name in [&mut person.first_name, &mut person.last_name] {
                if chance.one_in(2) {
                    *name = Some(NAMES[chance.below(NAMES.len())].to_owned());
                }
            }
        }
        let delivery = Delivery { settings: settings.document(), ..delivery };
        let mut crm = alike();
        crm.rule = Some(rule);
        let before = crm.rows(false);
        let delivered = Delivered::into(&crm);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let holds = || {
            let (after, settled) = (crm.rows(false), delivered.settled());
            let parked: BTreeMap<_, _> =
                delivered.parked().into_iter().filter(|(_, reason)| reason.contains("duplicate")).collect();
            let silent = parked.keys().filter(|id| !settled.contains(*id)).cloned().collect();
            let people = People::without(&before, &settings, &events, &silent);
            compare(&after, &people, &settings, &events)?;
            people.compare(&after, None)?;
            super::related::compare(&people, &settings, &before, &after)?;
            compare_parked(&people, &events, &parked, settings.detection)?;
            settings.detection.map_or(Ok(()), |detection| people.compare_alike(detection, &after))
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
