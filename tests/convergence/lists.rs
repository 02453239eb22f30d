//! Marketing lists: who is on them in the end does not depend on the order either, where nobody moves to another person meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::model::ParticipantEvent;
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    cases,
    crm::MemoryCrm,
    histories::{Delivery, history},
    processes,
};

/// A condition that holds for ever once it holds, and two that may cease to; the second event puts people on a list of the first.
pub const RULES: &str = r#"{ "defaults": { "list_rules": [
    { "name": "all", "when": "participant.id is defined", "contact_list": "00000000-0000-0000-0000-0000000000c1", "lead_list": "00000000-0000-0000-0000-0000000000d1" },
    { "name": "seen", "when": "attended or partial", "contact_list": "00000000-0000-0000-0000-0000000000c2", "lead_list": "00000000-0000-0000-0000-0000000000d2", "remove": true },
    { "name": "missed", "when": "no_show", "contact_list": "00000000-0000-0000-0000-0000000000c3", "lead_list": "00000000-0000-0000-0000-0000000000d3", "remove": true }
] }, "events": { "e1": { "list_rules": [
    { "name": "sessions", "when": "sessions | selectattr('attended') | list | length > 0", "contact_list": "00000000-0000-0000-0000-0000000000c2", "lead_list": "00000000-0000-0000-0000-0000000000d2", "remove": true }
] } } }"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_members_are_those_of_the_ordered_delivery(events in history(), delivery in any::<Delivery>(), shared: bool) {
        let events = with_one_address_each(events, shared);
        let delivery = Delivery { settings: RULES, ..delivery };
        let mut ordered = events.clone();
        ordered.sort_by_key(|event| event.time);
        let expected = processes::deliver(&ordered, &Delivery::one_by_one(RULES));
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        prop_assert_eq!(found.members(), expected.members());
    }
}

/// Two participants share a person, or there is a person for each: a contact and a lead.
pub fn with_one_address_each(mut events: Vec<ParticipantEvent>, shared: bool) -> Vec<ParticipantEvent> {
    for person in events.iter_mut().filter_map(|event| event.participant.as_mut()) {
        let address = if person.id == "p0" || shared { "contact@x.example" } else { "Lead@x.example" };
        person.email = Some(address.to_owned());
    }
    events
}

/// Somebody who was on a list before any rule spoke is never taken off it, and somebody taken off by hand is not put back.
#[test]
fn what_people_did_with_a_list_stays() {
    let one = |kind, time| {
        let (mut events, _) = crate::histories::registered_again_while_the_event_ends();
        let mut event = events.swap_remove(0);
        (event.kind, event.time) = (kind, at(time));
        event
    };
    use inevent_d365::model::Kind::*;
    let seen: Uuid = "00000000-0000-0000-0000-0000000000c2".parse().unwrap();
    let contact = Uuid::from_u128(10);
    let how = Delivery::one_by_one(RULES);
    let on = |crm: &MemoryCrm| crm.members().get(&seen).is_some_and(|members| members.contains(&contact));

    let crm = MemoryCrm::seeded();
    crm.join(seen, contact);
    processes::deliver_into(&crm, &[&[one(Registered, 1), one(CheckedIn, 2), one(CheckInTakenBack, 3)]], &how);
    assert!(on(&crm), "was there before");

    let crm = MemoryCrm::seeded();
    let delivered = processes::Delivered::into(&crm);
    delivered.run(&[one(Registered, 1), one(CheckedIn, 2)], &how);
    assert!(on(&crm));
    crm.leave(seen, contact);
    delivered.run(&[one(CheckedIn, 2), one(CheckedIn, 4)], &how);
    assert!(!on(&crm), "was taken off by hand");
    delivered.run(&[one(CheckInTakenBack, 5), one(CheckedIn, 6)], &how);
    assert!(!on(&crm), "was taken off by hand, whatever happens afterwards");

    let crm = MemoryCrm::seeded();
    let delivered = processes::Delivered::into(&crm);
    delivered.run(&[one(Registered, 1), one(CheckedIn, 2)], &how);
    delivered.run(&[one(CheckInTakenBack, 5)], &how);
    assert!(!on(&crm), "the rule takes off whom it put on");
    delivered.run(&[one(CheckedIn, 6)], &how);
    assert!(on(&crm), "and puts them on again");
}

fn at(second: i64) -> inevent_d365::model::SourceTime {
    inevent_d365::model::SourceTime::new(jiff::Timestamp::from_second(second).unwrap()).unwrap()
}

/// The members of each list that has some.
pub type Members = BTreeMap<Uuid, BTreeSet<Uuid>>;
