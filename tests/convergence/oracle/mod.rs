//! What a history must leave in the CRM, worked out the slow way: each rule of `docs/convergence.md` and `docs/settings.md` by its
//! words, over everything that was said, sharing no code with the engine but its vocabulary.
//!
//! Where a rule is first-come it says which results some order gives, and no others are accepted.

mod attendance;
mod columns;
mod corrected;
mod duplicates;
mod fates;
mod keys;
mod lives;
mod members;
mod orders;
mod people;
mod regarded;
mod related;
mod serial;
mod settings;
mod statements;

use std::collections::BTreeMap;

use inevent_d365::{
    dataverse::Columns,
    model::{ParticipantEvent, ids},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    Table, cases,
    histories::{Delivery, history},
    lists::{self, with_one_address_each},
    processes::{self, Delivered},
};
use attendance::Shown;
use columns::{Row, holds};
use people::{Counts, People, text};
use regarded::Regarded;
use settings::{DEFAULT, Settings, settings};

/// What a text says, if anything.
fn words(text: Option<&str>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What stands in the CRM: the rows of each participant of an event, by session.
type Found<'a> = BTreeMap<(String, String), BTreeMap<Option<String>, (Uuid, &'static str, &'a Columns)>>;

fn found(crm: &Table) -> Found<'_> {
    let mut found = Found::new();
    let rows = crm.iter().filter(|((table, _), _)| matches!(*table, "new_eventattendance" | "new_webinarattendance"));
    for ((table, id), row) in rows {
        let named = |column| text(row, column).unwrap().to_owned();
        let of = found.entry((named("new_eventid"), named("new_participantid"))).or_default();
        let other = of.insert(text(row, "new_sessionid").map(str::to_owned), (*id, *table, row));
        assert!(other.is_none(), "two rows of one key");
    }
    found
}

/// Holds the rows of the CRM against what was said of each participant.
fn compare(after: &Table, people: &People<'_>, settings: &Settings, events: &[ParticipantEvent]) -> Result<(), String> {
    let mut said: BTreeMap<(String, String), Vec<&ParticipantEvent>> = BTreeMap::new();
    for event in people.heard() {
        said.entry(statements::of(event).unwrap()).or_default().push(event);
    }
    let found = found(after);
    if let Some(participant) = found.keys().find(|participant| !said.contains_key(participant)) {
        return Err(format!("nothing was said of {participant:?}"));
    }
    for (participant, said) in said {
        let nothing = BTreeMap::new();
        let rows = found.get(&participant).unwrap_or(&nothing);
        let rules = settings.of(&participant.0);
        let of = |counts| said.iter().copied().filter(move |event| people.counts(event) == counts);
        let (surely, perhaps): (Vec<_>, Vec<_>) = (of(Counts::Surely).collect(), of(Counts::Perhaps).collect());
        let of_some = |some: usize| {
            let chosen = perhaps.iter().enumerate().filter(|(at, _)| some & (1 << at) != 0).map(|(_, event)| *event);
            let counted: Vec<&ParticipantEvent> = surely.iter().copied().chain(chosen).collect();
            let expected = attendance::rows(&counted, events, rules);
            if rows.keys().ne(expected.keys()) {
                return Err(format!("there are rows of {:?}, not {:?}", rows.keys(), expected.keys()));
            }
            let regarded = people.regarded(&counted).into();
            for (session, shown) in &expected {
                compare_row(rows[session], shown, &regarded, &counted, (settings, after))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
            Ok(())
        };
        // All of it first, which is the likeliest.
        let mut tried = (0..1 << perhaps.len()).rev().map(of_some);
        let first = tried.next().unwrap();
        if first.is_err() && !tried.any(|tried| tried.is_ok()) {
            return first;
        }
    }
    Ok(())
}

/// Holds a row against what it must show and whom it may regard, by what was said of its participant.
fn compare_row(
    (id, table, row): (Uuid, &str, &Columns),
    shown: &Shown,
    regarded: &Regarded,
    said: &[&ParticipantEvent],
    (settings, after): (&Settings, &Table),
) -> Result<(), String> {
    let named = |column| text(row, column).unwrap_or_default();
    let (event, participant, session) = (named("new_eventid"), named("new_participantid"), text(row, "new_sessionid"));
    let rules = settings.of(event);
    // The connector's own table is not part of the id.
    let part = if rules.webinar { rules.table() } else { "" };
    let expected = ids::attendance(part, "t", event, participant, session);
    if (id, table) != (expected, rules.table()) {
        return Err(format!("is {table} {id}, not {} {expected}", rules.table()));
    }
    let of_row = |said: &&ParticipantEvent| said.session.as_ref().map(|session| session.id.as_str()) == session;
    attendance::compare(row, shown, rules)?;
    regarded::compare(row, regarded, rules, after)?;
    compare_columns(row, said.iter().copied().filter(of_row).collect(), settings)
}

/// The columns of an attendance row that settings map.
fn compare_columns(row: &Columns, said: Vec<&ParticipantEvent>, settings: &Settings) -> Result<(), String> {
    let said = Row { makers: Some(said.clone()), surely: said, perhaps: Vec::new() };
    for mapping in settings.mappings.iter().filter(|mapping| mapping.tables.contains(&"activity")) {
        let allowed = mapping.allowed(&said, &[serde_json::Value::Null]);
        if !holds(mapping.found(row), &allowed) {
            return Err(format!("has {:?} in {}, not {allowed:?}", mapping.found(row), mapping.column));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_are_those_that_the_rules_ask_for(
        events in history(), delivery in any::<Delivery>(), settings in settings(), seed: u64,
    ) {
        let events = statements::told(events, seed, true);
        let delivery = Delivery { settings: settings.document(), ..delivery };
        let crm = people::seeded();
        let before = crm.rows(false);
        let people = People::new(&before, &settings, &events);
        let delivered = Delivered::into(&crm);
        delivered.run(&delivery.deliveries(&events), &delivery);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let holds = || {
            let after = crm.rows(false);
            compare(&after, &people, &settings, &events)?;
            people.compare(&after, None)?;
            related::compare(&people, &settings, &before, &after)
        };
        holds().map_err(failed)?;

        // Once more, until all is known: who is created may let others be found, and these make guests known.
        let calm = Delivery { processes: 1, ..delivery.calm() };
        let again = calm.deliveries(&events);
        (0..if people.came_too_early() { 3 } else { 0 }).for_each(|_| delivered.run(&again, &calm));
        let written = crm.writes();
        delivered.run(&again, &calm);
        if crm.writes() > written {
            return Err(failed(format!("a replay writes {} times", crm.writes() - written)));
        }
        holds().map_err(|why| failed(format!("after the replay {why}")))?;
    }

    #[test]
    fn the_members_are_those_whom_the_rules_put_there(events in history(), delivery in any::<Delivery>(), shared: bool) {
        let events = with_one_address_each(events, shared);
        let delivery = Delivery { settings: lists::RULES, ..delivery };
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        let mut said: BTreeMap<(String, String), Vec<&ParticipantEvent>> = BTreeMap::new();
        for event in events.iter().filter(|event| event.participant.is_some()) {
            said.entry(statements::of(event).unwrap()).or_default().push(event);
        }
        let rows = said.into_iter().map(|(participant, said)| {
            let contact = shared || participant.1 == "p0";
            (participant, (attendance::rows(&said, &events, DEFAULT), contact))
        });
        prop_assert_eq!(found.members(), members::members(&rows.collect()));
    }
}
