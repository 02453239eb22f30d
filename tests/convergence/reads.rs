//! States that were read from the source make good for statements that never came.

use std::collections::BTreeMap;

use inevent_d365::{
    dataverse::Columns,
    model::{Kind, ParticipantEvent, event::StatedStatus},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    cases,
    crm::MemoryCrm,
    histories::{Delivery, history, statement},
    ordered,
    processes::{Chance, Delivered},
};

const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false } } }"#;
const REGISTERED: i64 = 727_000_000;
const ATTENDED: i64 = 727_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_lost_is_found_by_reading_and_then_known(events in history(), mut delivery in any::<Delivery>()) {
        delivery.settings = SETTINGS;
        let events: Vec<_> = events.into_iter().map(unstated).collect();
        let expected = outcomes(&ordered(&events, SETTINGS));
        let mut chance = Chance::new(delivery.seed);
        let kept: Vec<_> = events.iter().filter(|event| event.participant.is_none() || !chance.one_in(3)).cloned().collect();
        let found = MemoryCrm::seeded();
        let delivered = Delivered::into(&found);
        delivered.run(&delivery.deliveries(&kept), &delivery);
        delivered.run(&delivery.deliveries(&read(&expected, 100)), &delivery);

        let rows = outcomes(&found);
        for (key, outcome) in &expected {
            match rows.get(key) {
                Some(row) if outcome.registered => prop_assert_eq!(row, outcome, "{:?}", key),
                Some(row) => prop_assert!(!row.registered, "{:?}", key),
                // Nobody is made known who is gone.
                None => prop_assert!(!outcome.registered, "{:?}", key),
            }
        }

        let writes = found.writes();
        delivered.run(&read(&expected, 200), &delivery.calm());
        prop_assert_eq!(found.writes(), writes);
    }
}

/// What a row shows, short of times.
#[derive(Debug, PartialEq)]
struct Outcome {
    registered: bool,
    attendance: Option<i64>,
    score: Option<f64>,
}

type Key = (usize, usize, Option<usize>);

fn outcomes(crm: &MemoryCrm) -> BTreeMap<Key, Outcome> {
    let number = |row: &Columns, column: &str| row.get(column).and_then(Value::as_str)?[1..].parse::<usize>().ok();
    let rows = crm.rows(false);
    let rows = rows.iter().filter(|((table, _), _)| *table == "new_eventattendance").map(|(_, row)| {
        let key = |column| number(row, column);
        let outcome = Outcome {
            registered: row["new_registrationstatus"] == REGISTERED,
            attendance: row.get("new_attendancestatus").and_then(Value::as_i64),
            score: row.get("new_engagementscore").and_then(Value::as_f64),
        };
        ((key("new_eventid").unwrap(), key("new_participantid").unwrap(), key("new_sessionid")), outcome)
    });
    rows.collect()
}

/// Everything that the source knows in the end, read at this time.
fn read(truth: &BTreeMap<Key, Outcome>, time: i64) -> Vec<ParticipantEvent> {
    let mut read = Vec::new();
    for (&(event, participant, session), outcome) in truth {
        let registration = match (outcome.registered, session) {
            (true, None) => Kind::Registered,
            (false, None) => Kind::Cancelled,
            (true, Some(_)) => Kind::SessionEnrolled,
            (false, Some(_)) => Kind::SessionLeft,
        };
        let there = outcome.attendance == Some(ATTENDED);
        let presence = if there { Kind::CheckedIn } else { Kind::CheckInTakenBack };
        let scored = outcome.score.map(|_| Kind::Scored);
        for kind in [registration, presence].into_iter().chain(scored) {
            // Of somebody who is gone there is nothing more to read.
            if kind != registration && !outcome.registered {
                continue;
            }
            let mut event = statement(kind, time, event, participant, 0, session);
            (event.read, event.id) = (true, format!("{}", read.len()));
            event.score = outcome.score.filter(|_| kind == Kind::Scored);
            read.push(event);
        }
    }
    read
}

/// Without a status that only the source's own statement gives.
fn unstated(mut event: ParticipantEvent) -> ParticipantEvent {
    event.status = event.status.map(|status| StatedStatus { attendance: None, ..status });
    event
}
