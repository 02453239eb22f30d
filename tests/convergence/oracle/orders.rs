//! What is first-come, exactly: of a short history every order is gone through, and what the engine leaves must be what one of them
//! leaves.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use inevent_d365::model::{Kind, ParticipantEvent};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    fates::befall_somebody,
    people::{People, seeded},
    serial::{Part, Serial, State},
    settings::{Settings, settings},
    statements,
};
use crate::{
    Table, cases,
    histories::{Delivery, statement},
    processes::{Chance, Delivered},
};

/// Addresses of nobody, of leads that nobody else uses, of a closed one, and of a contact.
const ADDRESSES: [&str; 7] = [
    "ana@x.example",
    "Eva@x.example",
    "rui@x.example",
    "lead@x.example",
    "closed@x.example",
    "twice@x.example",
    "contact@x.example",
];

/// The most statements that are told in parts, and the most of which rows beside people are such a part: they make the orders many.
const MOST_IN_PARTS: usize = 3;
const MOST_WITH_ROWS_BESIDE: usize = 2;

/// Statements at different times about few people.
pub fn short_history() -> impl Strategy<Value = Vec<ParticipantEvent>> {
    let kind = select(vec![Kind::Registered, Kind::Updated, Kind::Cancelled, Kind::CheckedIn, Kind::SessionEnrolled]);
    let of = (0..4_usize, 0..2_usize, 0..ADDRESSES.len() * 2);
    (vec((kind, of), 2..6), any::<u64>()).prop_map(|(said, seed)| {
        let mut events: Vec<ParticipantEvent> = Vec::new();
        for (time, (kind, (event, participant, address))) in said.into_iter().enumerate() {
            let session = (kind == Kind::SessionEnrolled).then_some(0);
            events.push(statement(kind, 8 + time as i64, event / 3, participant, 0, session));
            let person = events.last_mut().and_then(|event| event.participant.as_mut()).unwrap();
            person.email = Some(ADDRESSES[if address < 10 { address % 3 } else { address - 7 }].to_owned());
        }
        let stated: Vec<_> = events.iter().map(|event| event.participant.as_ref().unwrap().email.clone()).collect();
        let mut events = statements::told(events, seed, true);
        let mut chance = Chance::new(seed.rotate_left(9));
        for ((index, event), stated) in events.iter_mut().enumerate().zip(stated) {
            event.id = index.to_string();
            let person = event.participant.as_mut().unwrap();
            if !chance.one_in(4) {
                person.email = stated;
            }
        }
        events
    })
}

/// By several processes with several batches each, of which some die, with calls that fail.
fn delivered() -> impl Strategy<Value = (Settings, Delivery)> {
    (settings(), any::<bool>(), any::<Delivery>()).prop_map(|(mut settings, corrects, delivery)| {
        settings.matching.corrects = corrects;
        let delivery = Delivery { settings: settings.document(), ..delivery };
        (settings, delivery)
    })
}

/// What every order of these deliveries leaves of what was there, as far as it may be this CRM. A batch looks again at what it wrote, so
/// each may be told again, what was parked too, if it `returns`; where calls fail and processes die, parts of each may have been told before.
pub fn orders(
    serial: &Serial<'_>,
    before: HashSet<State>,
    (deliveries, after): (&[usize], &Table),
    (parts, returns): (&[Part], bool),
) -> HashSet<State> {
    let all: BTreeSet<usize> = deliveries.iter().copied().collect();
    let before = before.into_iter().map(State::written).collect();
    let mut reached = BTreeMap::from([((all.len(), all.clone()), before)]);
    while let Some(((_, waiting), states)) = reached.pop_last() {
        let again = all.difference(&waiting).map(|at| (*at, Part::Whole));
        let parts = parts.iter().filter(|part| serial.holds(**part));
        let parts = parts.flat_map(|part| deliveries.iter().map(|at| (*at, *part)));
        let states = with_repeats((serial, after), states, &again.chain(parts).collect::<Vec<_>>(), returns);
        if waiting.is_empty() {
            return states;
        }
        for (state, at) in states.iter().flat_map(|state| waiting.iter().map(move |at| (state, *at))) {
            let others = all.iter().copied().filter(|other| returns || !state.is_parked(*other)).collect();
            for along in serial.companions(state, at, &others) {
                for (next, told) in serial.told(state, (at, &along), Part::Whole) {
                    let left: BTreeSet<usize> = waiting.difference(&told).copied().collect();
                    if serial.may_become(&next, after) {
                        reached.entry((left.len(), left)).or_default().insert(next);
                    }
                }
            }
        }
    }
    HashSet::new()
}

/// Parts make the orders many: more statements than some are delivered calmly.
pub fn in_parts(delivery: Delivery, events: &[ParticipantEvent]) -> Delivery {
    if events.len() > MOST_IN_PARTS { delivery.calm() } else { delivery }
}

/// In which parts statements may be told; and where it is not enough, since it happens seldom, in which others.
///
/// Others may see what a batch wrote of people before it wrote the rest. A closed row is opened first: whom it regards is decided anew once
/// it is open, and others may be written by then.
pub fn ways(delivery: &Delivery, closed: bool) -> &'static [&'static [Part]] {
    const ALL: &[Part] = &[Part::People, Part::Rows, Part::Beside];
    match (dies_or_fails(delivery), is_alone(delivery), closed) {
        (true, ..) => &[ALL],
        (_, true, false) => &[&[]],
        (_, true, true) => &[&[Part::People], ALL],
        (_, _, false) => &[&[Part::Beside], &[Part::People, Part::Beside]],
        (_, _, true) => &[&[Part::People, Part::Beside], ALL],
    }
}

/// Whether parts of what is delivered may take effect alone.
pub fn dies_or_fails(delivery: &Delivery) -> bool {
    delivery.faults || delivery.deaths
}

/// Whether one batch comes after the other, and takes effect as a whole.
fn is_alone(delivery: &Delivery) -> bool {
    (delivery.processes, delivery.lanes) == (1, 1) && !dies_or_fails(delivery)
}

/// The states in which a CRM may be, by the kinds of rows beside people that are held together.
pub type Held = Vec<(BTreeSet<&'static str>, HashSet<State>)>;

/// What is held before so many statements at a time are told: all kinds together where one batch comes after the other. Else each by itself,
/// since batches may write rows of one kind in another order than those of another.
pub fn held(delivery: &Delivery, settings: &Settings, statements: usize) -> Held {
    let names = settings.related.iter().map(|related| related.name);
    let together: Vec<BTreeSet<_>> = match is_alone(delivery) {
        true => vec![names.collect()],
        false if dies_or_fails(delivery) && statements > MOST_WITH_ROWS_BESIDE => vec![BTreeSet::new()],
        false => names.map(|name| BTreeSet::from([name])).collect(),
    };
    together.into_iter().map(|beside| (beside, HashSet::from([State::default()]))).collect()
}

/// These states, and what comes of them when some of this is told again.
fn with_repeats(
    (serial, after): (&Serial<'_>, &Table),
    states: HashSet<State>,
    again: &[(usize, Part)],
    returns: bool,
) -> HashSet<State> {
    let (mut all, mut new) = (states.clone(), states);
    while !new.is_empty() {
        let told = new.iter().flat_map(|state| {
            let again = again.iter().filter(|(at, _)| returns || !state.is_parked(*at));
            again.flat_map(|(at, part)| serial.told(state, (*at, &[]), *part).into_iter().map(|(state, _)| state))
        });
        new = told.filter(|state| !all.contains(state) && serial.may_become(state, after)).collect();
        all.extend(new.iter().cloned());
    }
    all
}

/// The states in which the CRM may be that these deliveries left, told in one of these ways, and in which this became of them.
pub fn left_by(
    serial: &Serial<'_>,
    before: &HashSet<State>,
    (deliveries, after): (&[usize], &Table),
    ways: &[&[Part]],
    became: impl Fn(State) -> Result<State, String>,
) -> Result<HashSet<State>, String> {
    let mut why = String::new();
    for parts in ways {
        let all = orders(serial, before.clone(), (deliveries, after), (parts, true));
        match reached(serial, all, &became, after) {
            Ok(left) => return Ok(left),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// What these states became, as far as the CRM is in it.
pub fn reached(
    serial: &Serial<'_>,
    states: HashSet<State>,
    became: impl Fn(State) -> Result<State, String>,
    after: &Table,
) -> Result<HashSet<State>, String> {
    let (mut held, mut why) = (HashSet::new(), BTreeSet::new());
    for state in states {
        match became(state).and_then(|state| serial.compare(&state, after).map(|()| state)) {
            Ok(state) => _ = held.insert(state),
            Err(error) => _ = why.insert(error),
        }
    }
    if held.is_empty() { Err(format!("{why:#?}")) } else { Ok(held) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_first_come_is_what_some_order_leaves(
        events in short_history(), (settings, delivery) in delivered(), fate in prop::option::of(any::<u64>()),
    ) {
        let delivery = in_parts(delivery, &events);
        let crm = seeded();
        crm.add("contact", 60, "master-of-all@x.example", 0);
        let (mut before, there) = (crm.rows(false), crm.rows(false));
        let people = People::new(&there, &settings, &events);
        let delivered = Delivered::into(&crm);
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}", statements::in_short(&events)));
        let mut held = held(&delivery, &settings, events.len());
        // Whoever has one key only is known after one replay; who is found by a weaker key may let others be found. Who is gone is made
        // again by the first.
        let settles = if settings.matching.keys.change() { 4 } else { 2 } + usize::from(fate.is_some());
        for replay in 0..=settles {
            let deliveries = delivery.deliveries(&events);
            let places: Vec<usize> = deliveries.iter().map(|event| event.id.parse().unwrap()).collect();
            let (writes, earlier) = (crm.writes(), crm.rows(false));
            delivered.run(&deliveries, &delivery);
            let after = crm.rows(false);
            if replay == settles && crm.writes() > writes {
                let changed: Vec<_> = after.iter().filter(|(row, columns)| earlier.get(*row) != Some(*columns)).collect();
                return Err(failed(format!("replay {replay} of {places:?} writes {changed:#?}")));
            }
            for (beside, states) in &mut held {
                let serial = Serial::new(&before, &settings, &events, &people).with_rows_beside(beside.clone());
                *states = left_by(&serial, states, (&places, &after), ways(&delivery, false), Ok)
                    .map_err(|why| failed(format!("delivery {replay} of {places:?}, {beside:?}: {why}")))?;
            }
            if let Some(seed) = fate.filter(|_| replay == 0) {
                befall_somebody(&crm, &mut Chance::new(seed), 70);
                before = crm.rows(false);
                let serial = Serial::new(&before, &settings, &events, &people);
                for (_, states) in &mut held {
                    *states = std::mem::take(states).into_iter().map(|state| serial.befallen(state, &after)).collect();
                }
            }
        }
    }
}
