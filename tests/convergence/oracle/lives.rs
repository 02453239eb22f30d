//! Whole histories, batch after batch: what each leaves must be what some order of its own statements leaves of what was there, whatever
//! befalls people in between.

use std::collections::BTreeSet;

use inevent_d365::{
    model::{ParticipantEvent, SourceTime},
    sync::{engine::Engine, outcome::Outcome},
};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::{
    fates,
    orders::orders,
    people::{People, seeded},
    serial::{Part, Serial, State},
    settings::{Settings, settings},
    statements::{self, second},
};
use crate::{
    Table, cases,
    crm::MemoryCrm,
    histories::{Delivery, history},
    identity::engine,
    processes::Chance,
};

/// The most statements of a batch.
const MOST: usize = 3;
/// How often something befalls people, and how many times at most.
const SELDOM: usize = 4;
const FATES: u128 = 3;

/// A history in which each thing happens at a time of its own.
fn told() -> impl Strategy<Value = Vec<ParticipantEvent>> {
    (history(), any::<u64>()).prop_map(|(events, seed)| {
        let mut events = statements::told(events, seed, true);
        for (index, event) in events.iter_mut().enumerate() {
            let time = jiff::Timestamp::from_second(second(event) + index as i64).unwrap();
            (event.time, event.id) = (SourceTime::new(time).unwrap(), index.to_string());
        }
        events
    })
}

fn corrected() -> impl Strategy<Value = Settings> {
    (settings(), any::<bool>(), any::<bool>()).prop_map(|(mut settings, corrects, follows)| {
        (settings.matching.corrects, settings.matching.follows) = (corrects, follows);
        settings
    })
}

/// A CRM in which batches and people take turns.
struct Life<'a> {
    crm: MemoryCrm,
    engine: Engine,
    runtime: Runtime,
    /// As it was when somebody befell people last.
    before: Table,
    settings: &'a Settings,
    events: &'a [ParticipantEvent],
    people: &'a People<'a>,
    /// What was said to be over so far.
    closings: Vec<ParticipantEvent>,
    /// In which the CRM may be.
    states: BTreeSet<State>,
    /// What came so far, to read a failing case by.
    course: Vec<String>,
}

impl Life<'_> {
    fn serial(&self) -> Serial<'_> {
        let serial = Serial::new(&self.before, self.settings, self.events, self.people);
        serial.with_rows_beside(true).with_closings(&self.closings)
    }

    fn befalls(&mut self, chance: &mut Chance, contact: u128) {
        let earlier = self.crm.rows(false);
        fates::befall_somebody(&self.crm, chance, contact);
        self.before = self.crm.rows(false);
        let states = std::mem::take(&mut self.states);
        self.states = states.into_iter().map(|state| self.serial().befallen(state, &earlier)).collect();
        let changed = earlier.iter().filter(|(row, columns)| self.before.get(*row) != Some(*columns));
        self.course.extend(changed.map(|(row, _)| format!("{row:?} is {:?}", self.before.get(row))));
    }

    /// Has the engine run a batch, and holds what it leaves to the orders of its statements.
    fn tells(&mut self, batch: &[ParticipantEvent]) -> Result<(), String> {
        let mut closed = fates::are_closed(&self.crm.rows(false), batch);
        let report = self.runtime.block_on(self.engine.run(batch));
        let places: Vec<usize> = batch.iter().map(|event| event.id.parse().unwrap()).collect();
        for (place, outcome) in places.iter().zip(&report.outcomes) {
            match outcome {
                Outcome::Settled { .. } => {}
                Outcome::Refused(refusal) if refusal.reason.contains("is required") => {}
                other => return Err(format!("{place} of batch {places:?} is {other:?}")),
            }
        }
        let after = self.crm.rows(false);
        closed |= fates::are_closed(&after, batch);
        let (before, mut why) = (std::mem::take(&mut self.states), BTreeSet::new());
        let closings = batch.iter().filter(|event| event.participant.is_none());
        self.closings.extend(closings.clone().cloned());
        let serial = self.serial();
        let mut left_by = |parts: &[Part]| {
            let mut states = orders(&serial, before.clone(), &places, (parts, true));
            for closing in closings.clone() {
                states = states.iter().map(|state| serial.swept(state, closing)).collect();
            }
            states.retain(|state| serial.compare(state, &after).map_err(|error| why.insert(error)).is_ok());
            states
        };
        // A closed row is opened first; whom it regards is decided anew once it is open, and others may be written by then.
        let mut states = left_by(if closed { &[Part::People] } else { &[] });
        if states.is_empty() && closed {
            states = left_by(&[Part::People, Part::Rows]);
        }
        self.states = states;
        self.course.push(format!("{places:?}"));
        if self.states.is_empty() { Err(format!("batch {places:?}: {why:#?}")) } else { Ok(()) }
    }

    /// What went wrong, and what came before.
    fn failed(&self, why: &str) -> TestCaseError {
        TestCaseError::fail(format!("{why}\n{}\n{}", self.course.join(", "), statements::in_short(self.events)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 8, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn every_batch_leaves_what_some_order_of_it_leaves(events in told(), settings in corrected(), seed: u64) {
        let crm = seeded();
        crm.add("contact", 60, "master-of-all@x.example", 0);
        let (before, there) = (crm.rows(false), crm.rows(false));
        let people = People::new(&there, &settings, &events);
        let mut life = Life {
            engine: engine(&crm, settings.document()),
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            states: BTreeSet::from([State::default()]),
            settings: &settings, events: &events, people: &people, crm, before, closings: Vec::new(), course: Vec::new(),
        };
        let mut chance = Chance::new(seed);
        let delivery = Delivery { seed, shuffled: true, ..Delivery::one_by_one("{}") };
        // Whoever has one key only is known after one replay; who is found by a weaker key may let others be found.
        let settles = if settings.matching.keys.change() { 4 } else { 2 };
        let (mut fates, mut replay) = (0, 0_usize);
        loop {
            let mut deliveries = delivery.deliveries(&events);
            let written = life.crm.writes();
            while !deliveries.is_empty() {
                if replay == 0 && fates < FATES && chance.one_in(SELDOM) {
                    life.befalls(&mut chance, 70 + fates);
                    fates += 1;
                }
                let batch: Vec<_> = deliveries.drain(..(1 + chance.below(MOST)).min(deliveries.len())).collect();
                life.tells(&batch).map_err(|why| life.failed(&why))?;
            }
            // Who is gone is made again by the first replay.
            if replay == settles + usize::from(fates > 0) {
                prop_assert_eq!(life.crm.writes(), written, "replay {} writes", replay);
                break;
            }
            replay += 1;
        }
    }
}
