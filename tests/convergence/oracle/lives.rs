//! Whole histories, some statements after the other: what these leave must be what some order of them leaves of what was there,
//! whoever writes them, and whatever befalls people in between.

use std::collections::HashSet;

use inevent_d365::model::{ParticipantEvent, SourceTime};
use proptest::prelude::*;

use super::{
    fates,
    orders::{Held, dies_or_fails, held, left_by, ways},
    people::{People, seeded},
    serial::{Serial, State},
    settings::{Settings, settings},
    statements::{self, second},
};
use crate::{
    Table, cases,
    crm::MemoryCrm,
    histories::{Delivery, history},
    processes::{Chance, Delivered},
};

/// The most statements that come together, whole or in parts.
const MOST: usize = 3;
const MOST_IN_PARTS: usize = 2;
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

/// Under which settings, and by whom: one process that does one thing after the other, or several, which may die, with calls that fail.
fn delivered() -> impl Strategy<Value = (Settings, Delivery)> {
    (settings(), any::<(bool, bool, bool)>(), any::<Delivery>()).prop_map(
        |(mut settings, (corrects, follows, alone), delivery)| {
            (settings.matching.corrects, settings.matching.follows) = (corrects, follows);
            let delivery = Delivery { settings: settings.document(), ..delivery };
            let delivery = if alone { Delivery { processes: 1, lanes: 1, ..delivery.calm() } } else { delivery };
            (settings, delivery)
        },
    )
}

/// A CRM in which processes and people take turns.
struct Life<'a> {
    crm: MemoryCrm,
    delivered: Delivered,
    delivery: Delivery,
    /// As it was when somebody befell people last.
    before: Table,
    settings: &'a Settings,
    events: &'a [ParticipantEvent],
    people: &'a People<'a>,
    /// What was said to be over so far.
    closings: Vec<ParticipantEvent>,
    /// In which states the CRM may be.
    held: Held,
    /// What came so far, to read a failing case by.
    course: Vec<String>,
}

impl Life<'_> {
    fn serial(&self) -> Serial<'_> {
        Serial::new(&self.before, self.settings, self.events, self.people).with_closings(&self.closings)
    }

    fn befalls(&mut self, chance: &mut Chance, contact: u128) {
        let earlier = self.crm.rows(false);
        fates::befall_somebody(&self.crm, chance, contact);
        self.before = self.crm.rows(false);
        let mut held = std::mem::take(&mut self.held);
        for (_, states) in &mut held {
            *states = std::mem::take(states).into_iter().map(|state| self.serial().befallen(state, &earlier)).collect();
        }
        self.held = held;
        let changed = earlier.iter().filter(|(row, columns)| self.before.get(*row) != Some(*columns));
        self.course.extend(changed.map(|(row, _)| format!("{row:?} is {:?}", self.before.get(row))));
    }

    /// Has statements written, and holds what is left to their orders.
    fn tells(&mut self, together: &[ParticipantEvent]) -> Result<(), String> {
        let mut closed = fates::are_closed(&self.crm.rows(false), together);
        self.delivered.run(together, &self.delivery);
        self.delivery.seed = self.delivery.seed.rotate_left(7) ^ 1;
        let places: Vec<usize> = together.iter().map(|event| event.id.parse().unwrap()).collect();
        let after = self.crm.rows(false);
        closed |= fates::are_closed(&after, together);
        let closings = together.iter().filter(|event| event.participant.is_none());
        self.closings.extend(closings.clone().cloned());
        self.course.push(format!("{places:?}"));
        let mut held = std::mem::take(&mut self.held);
        for (beside, states) in &mut held {
            let serial = self.serial().with_rows_beside(beside.clone());
            let swept =
                |state: &State| closings.clone().fold(state.clone(), |state, closing| serial.swept(&state, closing));
            // In the end rows were looked at after what closes them came, and maybe before other things came, too.
            let begins: HashSet<State> = states.iter().map(swept).chain(states.clone()).collect();
            let ways = ways(&self.delivery, closed);
            *states = left_by(&serial, &begins, (&places, &after), ways, |state| Ok(swept(&state)))
                .map_err(|why| format!("{places:?}, {beside:?}: {why}"))?;
        }
        self.held = held;
        Ok(())
    }

    /// What went wrong, and what came before.
    fn failed(&self, why: &str) -> TestCaseError {
        TestCaseError::fail(format!("{why}\n{}\n{}", self.course.join(", "), statements::in_short(self.events)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 8, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn all_that_comes_together_leaves_what_some_order_of_it_leaves(
        events in told(), (settings, delivery) in delivered(), seed: u64,
    ) {
        let crm = seeded();
        crm.add("contact", 60, "master-of-all@x.example", 0);
        let (before, there) = (crm.rows(false), crm.rows(false));
        let people = People::new(&there, &settings, &events);
        let most = if dies_or_fails(&delivery) { MOST_IN_PARTS } else { MOST };
        let mut life = Life {
            delivered: Delivered::into(&crm), delivery, settings: &settings, events: &events, people: &people, crm, before,
            held: held(&delivery, &settings, most), closings: Vec::new(), course: Vec::new(),
        };
        let mut chance = Chance::new(seed);
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
                let together: Vec<_> = deliveries.drain(..(1 + chance.below(most)).min(deliveries.len())).collect();
                life.tells(&together).map_err(|why| life.failed(&why))?;
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
