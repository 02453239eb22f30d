//! Whom the CRM's duplicate detection rule takes somebody new for, and what becomes of the statements about them.

use std::{cmp::Reverse, collections::BTreeSet};

use inevent_d365::{
    model::ParticipantEvent,
    sync::outcome::{Outcome, Report},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    orders::{held, in_parts, left_by, orders, reached, short_history, ways},
    people::{People, Person, is_open, seeded, stands_for, text},
    serial::{Parked, Serial, State},
    settings::{Settings, settings},
    statements,
};
use crate::{
    Table, cases,
    crm::MemoryCrm,
    duplicates::Rule,
    histories::Delivery,
    identity::engine,
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

/// How often all is replayed before everybody is known.
const SETTLES: usize = 4;

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

/// Statements about people who are called and found like others.
fn alike_ones() -> impl Strategy<Value = Vec<ParticipantEvent>> {
    (short_history(), any::<u64>()).prop_map(|(mut events, seed)| {
        let mut chance = Chance::new(seed);
        for person in events.iter_mut().filter_map(|event| event.participant.as_mut()) {
            person.email = person.email.take().map(|email| if chance.one_in(3) { CLOSED.to_owned() } else { email });
            for name in [&mut person.first_name, &mut person.last_name] {
                if chance.one_in(2) {
                    *name = Some(NAMES[chance.below(NAMES.len())].to_owned());
                }
            }
        }
        events
    })
}

fn parked(batch: &[ParticipantEvent], report: &Report, rule: Rule) -> Result<Parked, String> {
    let mut parked = Parked::new();
    for (event, outcome) in batch.iter().zip(&report.outcomes) {
        match outcome {
            Outcome::Settled { .. } => {}
            Outcome::Refused(refusal) if refusal.reason.contains("is required") => {}
            Outcome::Refused(refusal) if refusal.reason.contains(rule.name) => {
                let before = parked.insert(event.id.parse().unwrap(), named(&refusal.reason));
                if before.is_some_and(|before| before != named(&refusal.reason)) {
                    return Err("one statement is parked for two reasons".to_owned());
                }
            }
            other => return Err(format!("{} is {other:?}", event.id)),
        }
    }
    Ok(parked)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_a_duplicate_is_adopted_created_or_parked_as_some_order_has_it(
        events in alike_ones(), (mut settings, rule) in detecting(), (seed, size, corrects) in (any::<u64>(), 1..=5_usize, any::<bool>()),
    ) {
        settings.matching.corrects = corrects;
        let mut crm = alike();
        crm.rule = Some(rule);
        let before = crm.rows(false);
        let people = People::new(&before, &settings, &events);
        let delivery = Delivery { seed, shuffled: true, ..Delivery::one_by_one("{}") };
        let (beside, mut states) = held(&delivery, &settings, events.len()).remove(0);
        let serial = Serial::new(&before, &settings, &events, &people).with_rows_beside(beside);
        let engine = engine(&crm, settings.document());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        for replay in 0..=SETTLES {
            let writes = crm.writes();
            for batch in delivery.deliveries(&events).chunks(size) {
                let report = runtime.block_on(engine.run(batch));
                let places: Vec<usize> = batch.iter().map(|event| event.id.parse().unwrap()).collect();
                states = states.into_iter().map(State::with_nothing_parked).collect();
                let after = crm.rows(false);
                states = orders(&serial, states, (&places, &after), (&[], false));
                let failed = |why| failed(format!("batch {places:?} of delivery {replay}: {why}"));
                let parked = parked(batch, &report, rule).map_err(failed)?;
                let told = |state: State| state.parks(&parked).map(|()| state);
                states = reached(&serial, states, told, &after).map_err(failed)?;
            }
            if replay == SETTLES {
                prop_assert_eq!(crm.writes(), writes, "a replay writes");
            }
        }
    }

    #[test]
    fn so_it_is_where_several_processes_write_of_which_some_die_with_calls_that_fail(
        events in alike_ones(), (mut settings, rule) in detecting(), (corrects, delivery) in any::<(bool, Delivery)>(),
    ) {
        settings.matching.corrects = corrects;
        let delivery = in_parts(Delivery { settings: settings.document(), ..delivery }, &events);
        let mut crm = alike();
        crm.rule = Some(rule);
        let before = crm.rows(false);
        let people = People::new(&before, &settings, &events);
        let delivered = Delivered::into(&crm);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let mut held = held(&delivery, &settings, events.len());
        for replay in 0..=SETTLES {
            let deliveries = delivery.deliveries(&events);
            let places: Vec<usize> = deliveries.iter().map(|event| event.id.parse().unwrap()).collect();
            let writes = crm.writes();
            delivered.run(&deliveries, &delivery);
            if replay == SETTLES {
                prop_assert_eq!(crm.writes(), writes, "a replay writes");
            }
            let after = crm.rows(false);
            let parked = delivered.parked().into_iter().filter(|(_, reason)| !reason.contains("is required"));
            let parked = parked.map(|(id, reason)| (id.parse().unwrap(), named(&reason))).collect();
            let settled = delivered.settled().into_iter().map(|id| id.parse().unwrap()).collect();
            let told = |state: State| state.tells(&parked, &settled).map(|()| state);
            for (beside, states) in &mut held {
                let serial = Serial::new(&before, &settings, &events, &people).with_rows_beside(beside.clone());
                *states = left_by(&serial, states, (&places, &after), ways(&delivery, false), told)
                    .map_err(|why| failed(format!("delivery {replay} of {places:?}, {beside:?}: {why}")))?;
            }
        }
    }
}
