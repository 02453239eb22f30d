//! Rows beside the person: cases that generated histories found, each by itself.

use inevent_d365::model::Kind;
use uuid::Uuid;

use crate::{
    crm::MemoryCrm,
    identity::{engine, said},
};

/// A contact and a lead of one key come in one batch, or one after the other: the row is bound to both.
#[tokio::test]
async fn each_lookup_of_a_row_is_bound_to_the_latest_who_has_it() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false }, "mappings": [], "related": { "interest": {
        "table": "new_interest", "key": { "column": "new_key", "source": { "answer": "T" } },
        "person": { "contact": "new_contactid", "lead": "new_leadid" }, "activity": "new_attendanceid" } } } }"#;
    let about = |time, participant: &str, address| {
        let mut event = said(Kind::Registered, time, Some(address), None);
        event.participant.as_mut().unwrap().id = participant.into();
        event.answers.insert("T".into(), "Rust".into());
        event
    };
    let events = [about(1, "p0", "lead@x.example"), about(2, "p1", "contact@x.example")];
    let bound = |crm: &MemoryCrm| -> Vec<Option<Uuid>> {
        let rows = crm.rows(false);
        let row = rows.iter().find(|((table, _), _)| *table == "new_interest").unwrap().1;
        let lookups = ["_new_contactid_value", "_new_leadid_value"];
        lookups.map(|lookup| row.get(lookup)?.as_str()?.parse().ok()).to_vec()
    };
    for batch in [2, 1] {
        let crm = MemoryCrm::seeded();
        let engine = engine(&crm, SETTINGS);
        for events in events.chunks(batch) {
            engine.run(events).await;
        }
        assert_eq!(bound(&crm), [Some(Uuid::from_u128(10)), Some(Uuid::from_u128(12))], "{batch} at once");
    }
}
