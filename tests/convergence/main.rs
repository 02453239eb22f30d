//! Decision 2 of `docs/architecture.md`: whatever the order, the number and the simultaneity of deliveries, and whatever calls fail
//! on the way, the rows end as if every statement had come once, alone, in the order of time.
//!
//! The engine is the real one. The CRM and the store are memory, and every call to them is a point at which another process, or
//! another batch of the same one, may go on: the interleavings are generated, too. On the way the CRM holds every process to it that
//! no two of its calls write the same row at the same time.

#![allow(clippy::unwrap_used, clippy::panic)]

mod beside;
mod crm;
mod duplicates;
mod histories;
mod identity;
mod lanes;
mod lists;
mod oracle;
mod processes;
mod reads;
mod settings;
mod store;
mod tables;
mod troubles;

use std::collections::BTreeMap;

type Table = BTreeMap<(&'static str, uuid::Uuid), Columns>;

use histories::{Delivery, history};
use inevent_d365::{dataverse::Columns, model::ParticipantEvent};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn any_delivery_ends_like_the_ordered_one(events in history(), delivery in any::<Delivery>()) {
        let expected = ordered(&events, delivery.settings);
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        prop_assert_eq!(&found.rows(delivery.modes()), &expected.rows(delivery.modes()));

        // Once more: what is known already writes nothing.
        let writes = found.writes();
        let calm = delivery.calm();
        let (closings, statements): (Vec<_>, Vec<_>) =
            calm.deliveries(&events).into_iter().partition(|event| event.participant.is_none());
        let again = processes::deliver_into(&found, &[&closings, &statements], &calm);
        prop_assert_eq!(again.writes(), writes);
    }

    #[test]
    fn without_sessions_the_platforms_own_tables_keep_order_too(events in history(), delivery in any::<Delivery>()) {
        let events: Vec<_> = events.into_iter().filter(|event| event.session.is_none()).collect();
        let delivery = Delivery { settings: settings::PLAIN, ..delivery };
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        prop_assert_eq!(&found.rows(false), &ordered(&events, settings::PLAIN).rows(false));
        let writes = found.writes();
        let again = processes::deliver_into(&found, &[&delivery.deliveries(&events)], &delivery.calm());
        prop_assert_eq!(again.writes(), writes);
    }

    #[test]
    fn a_registration_that_races_with_the_end_is_a_no_show(seed in any::<u64>()) {
        let (before, race) = histories::registered_again_while_the_event_ends();
        let how = Delivery { seed, processes: 2, ..Delivery::one_by_one("{}") };
        let found = processes::deliver_into(&crm::MemoryCrm::seeded(), &[&before, &race], &how);
        prop_assert_eq!(&found.rows(false), &ordered(&[before, race].concat(), "{}").rows(false));
    }
}

proptest! {
    // The oracle holds the engine to more of this.
    #![proptest_config(ProptestConfig { cases: cases() / 2, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    /// Which lead carries an address that its only participant has now is first-come; everything else holds.
    #[test]
    fn leads_whose_address_is_corrected(events in history(), mut delivery in any::<Delivery>()) {
        delivery.settings = "{}";
        let expected = ordered(&events, delivery.settings).rows(false);
        let found = processes::deliver(&delivery.deliveries(&events), &delivery);
        prop_assert_eq!(attendance(&found.rows(false)), attendance(&expected));

        // What was said under an address that somebody else has since may find that somebody once; then it is known.
        let calm = delivery.calm();
        let (closings, statements): (Vec<_>, Vec<_>) =
            calm.deliveries(&events).into_iter().partition(|event| event.participant.is_none());
        let replay = || processes::deliver_into(&found, &[&closings, &statements], &calm).writes();
        replay();
        prop_assert_eq!(replay(), replay());
    }
}

/// The attendance rows; of the person that each regards, and their owner, only that there is one.
fn attendance(rows: &Table) -> Vec<Columns> {
    let attendance = rows.iter().filter(|((table, _), _)| *table == "new_eventattendance").map(|(_, row)| {
        let person = row.get("_regardingobjectid_value").and_then(|id| id.as_str());
        assert!(person.is_some_and(|id| rows.keys().any(|(_, key)| key.to_string() == id)));
        let mut row = row.clone();
        row.retain(|column, _| !column.starts_with("_ownerid") && !column.starts_with("_regardingobjectid"));
        let stamp = row["new_detailsstamp"].as_str().unwrap_or_default().split(' ');
        let stamp: Vec<&str> = stamp.filter(|token| !token.starts_with("owner:")).collect();
        row.insert("new_detailsstamp".into(), stamp.join(" ").into());
        row
    });
    attendance.collect()
}

/// How many histories are tried; `CONVERGENCE_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("CONVERGENCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

/// Each statement once, alone, in the order of time, without a fault.
fn ordered(events: &[ParticipantEvent], settings: &'static str) -> crm::MemoryCrm {
    let mut events = events.to_vec();
    events.sort_by_key(|event| event.time);
    processes::deliver(&events, &Delivery::one_by_one(settings))
}
