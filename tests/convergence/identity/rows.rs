//! Whom rows hold, and what is said of a participant beside that: cases that lives of whole histories found.

use inevent_d365::{
    model::{Kind, ParticipantEvent},
    sync::outcome::Outcome,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{engine, made, regarded, said};
use crate::crm::MemoryCrm;

const BY_ADDRESS: &str = r#"{ "defaults": { "matching": { "correct_addresses": true },
    "mappings": [{ "tables": ["lead"], "column": "jobtitle", "source": { "field": "participant.job_title" } }] } }"#;
const BY_ADDRESS_THEN_BADGE: &str = r#"{ "defaults": { "matching": { "correct_addresses": false, "keys": ["email",
    { "columns": [{ "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }] }, "mappings": [] } }"#;

fn badge(mut event: ParticipantEvent, badge: &str) -> ParticipantEvent {
    event.answers.insert("B".into(), badge.into());
    event
}

fn titled(mut event: ParticipantEvent, title: &str) -> ParticipantEvent {
    event.participant.as_mut().unwrap().job_title = Some(title.to_owned());
    event
}

fn person(crm: &MemoryCrm, table: &'static str, id: u128, address: &str, columns: Value) -> Uuid {
    crm.add(table, id, address, 0);
    crm.by_hand((table, Uuid::from_u128(id)), columns);
    Uuid::from_u128(id)
}

fn title(crm: &MemoryCrm, table: &'static str, id: Uuid) -> Value {
    crm.rows(false)[&(table, id)]["jobtitle"].clone()
}

fn lead_of(crm: &MemoryCrm, address: &str) -> Uuid {
    let rows = crm.rows(false);
    let mut leads = rows.iter().filter(|((table, _), row)| *table == "lead" && row["emailaddress1"] == address);
    leads.next().unwrap().0.1
}

#[tokio::test]
async fn who_was_merged_into_somebody_who_is_gone_is_nobody() {
    const SETTINGS: &str =
        r#"{ "defaults": { "unmatched": "update_only", "matching": { "inactive_contacts": true } } }"#;
    let crm = MemoryCrm::seeded();
    person(&crm, "contact", 46, "gone@x.example", json!({ "statecode": 1, "merged": true }));
    engine(&crm, SETTINGS).run(&[said(Kind::Registered, 1, Some("gone@x.example"), None)]).await;
    assert_eq!(regarded(&crm), [None]);
}

/// Somebody else has the key by now.
#[tokio::test]
async fn a_new_row_goes_to_whom_the_others_hold_where_the_statement_does_not_say() {
    const SETTINGS: &str =
        r#"{ "defaults": { "matching": { "correct_addresses": false, "keys": ["external_id", "email"] } } }"#;
    let crm = MemoryCrm::seeded();
    let of = |time, id: Option<&str>| {
        let mut event = said(Kind::Registered, time, Some("ana@x.example"), None);
        event.participant.as_mut().unwrap().external_id = id.map(str::to_owned);
        event
    };
    let engine = engine(&crm, SETTINGS);
    engine.run(&[of(10, Some("X0"))]).await;
    person(&crm, "contact", 47, "other@x.example", json!({ "new_ineventparticipantid": "X0" }));
    let mut enrolled = crate::histories::statement(Kind::SessionEnrolled, 11, 0, 0, 0, Some(0));
    (enrolled.id, enrolled.participant) = ("11".into(), of(11, None).participant);
    engine.run(&[enrolled, of(9, Some("X0"))]).await;
    let lead = lead_of(&crm, "ana@x.example");
    assert_eq!(regarded(&crm), [Some(lead), Some(lead)]);
}

/// Two statements with one key are about two people for a moment: one is found by a weaker key, the other is to be made.
#[tokio::test]
async fn rows_go_to_whom_the_latest_statement_means() {
    let crm = MemoryCrm::seeded();
    person(&crm, "lead", 57, "badge@x.example", json!({ "new_badge": "C8" }));
    let engine = engine(&crm, BY_ADDRESS_THEN_BADGE);
    engine.run(&[said(Kind::Registered, 5, Some("eva@x.example"), None)]).await;
    let earlier = badge(said(Kind::Updated, 3, Some("ana@x.example"), None), "C8");
    engine.run(&[earlier, said(Kind::Updated, 10, Some("ana@x.example"), None)]).await;
    assert_eq!(regarded(&crm), [Some(lead_of(&crm, "ana@x.example"))]);
}

/// A row that is closed again and again by one statement was opened again and again by the other.
#[tokio::test]
async fn two_people_of_one_key_settle() {
    let crm = MemoryCrm::seeded();
    person(&crm, "contact", 58, "firm@x.example", json!({ "new_badge": "b 7" }));
    person(&crm, "lead", 57, "badge@x.example", json!({ "new_badge": "C8" }));
    let cancelled = badge(said(Kind::Cancelled, 9, Some("ana@x.example"), None), "B 7");
    let updated = badge(said(Kind::Updated, 11, Some("ana@x.example"), None), "C8");
    let report = engine(&crm, BY_ADDRESS_THEN_BADGE).run(&[cancelled, updated]).await;
    assert!(matches!(report.outcomes[..], [Outcome::Settled { .. }, Outcome::Settled { .. }]), "{report:?}");
}

#[tokio::test]
async fn what_is_said_without_a_key_is_about_whom_the_rows_regard() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false, "keys": [
            { "columns": [{ "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }] },
        "mappings": [{ "tables": ["contact"], "column": "jobtitle", "source": { "field": "participant.job_title" } }] } }"#;
    let crm = MemoryCrm::seeded();
    let master = person(&crm, "contact", 60, "master@x.example", json!({}));
    person(&crm, "contact", 61, "one@x.example", json!({ "new_badge": "B 7" }));
    let other = person(&crm, "contact", 62, "other@x.example", json!({ "new_badge": "B 7" }));
    let engine = engine(&crm, SETTINGS);
    engine.run(&[badge(said(Kind::Registered, 5, None, None), "B 7")]).await;
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(61))]);
    let merged = json!({ "statecode": 1, "merged": true, "_masterid_value": master });
    crm.by_hand(("contact", Uuid::from_u128(61)), merged);
    let keyless = titled(said(Kind::Updated, 7, None, None), "Keyless");
    engine.run(&[keyless, titled(badge(said(Kind::Updated, 3, None, None), "b 7"), "Keyed")]).await;
    assert_eq!((title(&crm, "contact", master), title(&crm, "contact", other)), ("Keyless".into(), "Keyed".into()));
}

/// Its rows stay with the closed lead, so that the fresh one is nobody's own.
#[tokio::test]
async fn what_was_said_under_an_earlier_address_is_not_about_a_lead_that_no_row_regards() {
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, BY_ADDRESS);
    let ana = |time| said(Kind::Registered, time, Some("ana@x.example"), None);
    engine.run(&[ana(10)]).await;
    crm.by_hand(("lead", lead_of(&crm, "ana@x.example")), json!({ "statecode": 2 }));
    engine.run(&[ana(9), said(Kind::Registered, 3, Some("eva@x.example"), None)]).await;
    let mut addresses: Vec<_> = made(&crm).into_iter().filter_map(|(_, address)| address).collect();
    addresses.sort();
    assert_eq!(addresses, ["ana@x.example", "ana@x.example", "eva@x.example"]);
}

#[tokio::test]
async fn an_address_that_a_lead_had_is_not_its_own_once_the_rows_have_left_it() {
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, BY_ADDRESS);
    let registered = |time, address, title| titled(said(Kind::Registered, time, Some(address), None), title);
    engine.run(&[registered(10, "ana@x.example", "Ana")]).await;
    engine.run(&[registered(5, "eva@x.example", "Eva")]).await;
    let lead = lead_of(&crm, "ana@x.example");
    engine.run(&[registered(12, "eva@x.example", "Late"), registered(15, "contact@x.example", "Contact")]).await;
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(10))]);
    assert_eq!(title(&crm, "lead", lead), "Ana");
    assert_eq!(title(&crm, "lead", lead_of(&crm, "eva@x.example")), "Late");
}

/// What is ignored together with the key of now is looked at again without that key.
#[tokio::test]
async fn what_is_ignored_decides_nothing() {
    const SETTINGS: &str = r#"{ "defaults": { "unmatched": "ignore",
        "matching": { "correct_addresses": true, "keys": [
            { "columns": [{ "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }, "email"] },
        "mappings": [{ "tables": ["lead"], "column": "jobtitle", "source": { "field": "participant.job_title" } }] } }"#;
    let crm = MemoryCrm::seeded();
    let lead = person(&crm, "lead", 41, "both@x.example", json!({}));
    let engine = engine(&crm, SETTINGS);
    engine.run(&[said(Kind::Registered, 10, Some("both@x.example"), None)]).await;
    let earlier = titled(said(Kind::Registered, 3, Some("eva@x.example"), None), "Earlier");
    engine.run(&[earlier, badge(said(Kind::Registered, 5, Some("zoe@x.example"), None), "9")]).await;
    assert_eq!(title(&crm, "lead", lead), "Earlier");
}

/// What is ignored is found by a key that the replay before has written: no number of replays holds for all chains of weaker keys.
#[tokio::test]
async fn each_replay_may_find_one_more() {
    const SETTINGS: &str = r#"{ "defaults": { "unmatched": "ignore",
        "matching": { "keys": ["external_id",
            { "columns": [{ "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }, "email"] },
        "mappings": [{ "source": { "field": "participant.external_id" }, "column": "new_ineventparticipantid" },
            { "source": { "answer": "B" }, "column": "new_badge" }] } }"#;
    let crm = MemoryCrm::seeded();
    let of = |time: i64, address, id: Option<&str>| {
        let mut event = said(Kind::Registered, time, address, None);
        let participant = event.participant.as_mut().unwrap();
        (participant.id, participant.external_id) = (format!("p{time}"), id.map(str::to_owned));
        event
    };
    let chain = [
        badge(of(4, None, None), "3"),
        badge(of(3, None, Some("X2")), "3"),
        badge(of(2, None, Some("X2")), "1"),
        badge(of(1, Some("contact@x.example"), None), "1"),
    ];
    let engine = engine(&crm, SETTINGS);
    let mut written = Vec::new();
    for found in [1, 2, 3, 4, 4] {
        let before = crm.writes();
        for event in &chain {
            engine.run(std::slice::from_ref(event)).await;
        }
        written.push(crm.writes() > before);
        assert_eq!(regarded(&crm), vec![Some(Uuid::from_u128(10)); found]);
    }
    assert_eq!(written, [true, true, true, true, false]);
}

/// The row is made in a second look, as the lead's owner cannot own it, and somebody else has the earlier address by then.
#[tokio::test]
async fn what_is_said_is_not_about_one_person_before_its_row_is_made_and_about_another_after() {
    let crm = MemoryCrm::seeded();
    let lead = person(&crm, "lead", 12, "lead@x.example", json!({}));
    let titled = titled(said(Kind::Registered, 5, Some("ana@x.example"), None), "Titled");
    let mut other = said(Kind::Registered, 6, Some("ana@x.example"), None);
    other.participant.as_mut().unwrap().id = "p1".into();
    engine(&crm, BY_ADDRESS).run(&[other, said(Kind::Registered, 7, Some("lead@x.example"), None), titled]).await;
    let with_title = [lead, lead_of(&crm, "ana@x.example")].map(|lead| title(&crm, "lead", lead) == "Titled");
    assert_eq!(with_title, [false, true]);
}

/// The address that is later by name, and earlier by time, was written.
#[tokio::test]
async fn of_two_addresses_that_two_events_state_at_once_a_lead_does_not_get_the_earlier_one() {
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, BY_ADDRESS);
    let of = |event: &str, time, address| {
        let mut said = said(Kind::Registered, time, Some(address), None);
        said.event.id = event.into();
        said
    };
    engine.run(&[of("e0", 5, "ana@x.example"), of("e1", 6, "ana@x.example")]).await;
    let lead = lead_of(&crm, "ana@x.example");
    engine.run(&[of("e0", 10, "rui@x.example"), of("e1", 20, "eva@x.example")]).await;
    assert_eq!(lead_of(&crm, "eva@x.example"), lead);
    assert!(regarded(&crm).contains(&Some(lead_of(&crm, "rui@x.example"))));
}
