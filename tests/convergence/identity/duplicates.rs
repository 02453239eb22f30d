//! What a published duplicate detection rule does: cases that generated histories found, each by itself.

use inevent_d365::{model::Kind, sync::outcome::Outcome};
use uuid::Uuid;

use super::{engine, made, regarded, said};
use crate::{crm::MemoryCrm, duplicates::Rule, histories::statement};

/// Addresses that begin alike are of duplicates.
fn alike() -> MemoryCrm {
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule { characters: 3, ..Rule::same("Alike", "emailaddress1") });
    crm
}

/// Nobody is to be created for the second statement, so no rule speaks against it.
#[tokio::test]
async fn a_duplicate_parks_only_those_who_ask_for_somebody_to_be_created() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "closed_duplicates": "park" } }, "events": { "e1": { "unmatched": "update_only" } } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same address", "emailaddress1"));
    let engine = engine(&crm, SETTINGS);
    let asks = said(Kind::Registered, 1, Some("closed@x.example"), None);
    let mut other = said(Kind::Registered, 2, Some("closed@x.example"), None);
    other.event.id = "e1".into();
    let report = engine.run(&[asks, other]).await;
    assert!(matches!(&report.outcomes[..], [Outcome::Refused(_), Outcome::Settled { changed: true }]), "{report:?}");
    assert_eq!((made(&crm), regarded(&crm)), (vec![], vec![None]));
}

/// A rule that refuses somebody new says nothing of a change of the one who is adopted.
#[tokio::test]
async fn who_is_adopted_gets_the_columns_of_the_key() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["email_and_company"] },
        "mappings": [{ "source": { "field": "participant.company" }, "tables": ["lead"], "column": "companyname" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same address", "emailaddress1"));
    engine(&crm, SETTINGS).run(&[said(Kind::Registered, 1, Some("lead@x.example"), Some("Contoso"))]).await;
    let lead = Uuid::from_u128(12);
    assert_eq!(
        (regarded(&crm), &crm.rows(false)[&("lead", lead)]["companyname"]),
        (vec![Some(lead)], &"Contoso".into())
    );
}

/// A change that a rule refuses is left out, and the rest is written.
#[tokio::test]
async fn a_change_that_makes_a_duplicate_is_left_out() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [
        { "source": { "field": "participant.external_id" }, "column": "new_ineventparticipantid" },
        { "source": { "field": "participant.job_title" }, "column": "jobtitle" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same id", "new_ineventparticipantid"));
    crm.by_hand(("lead", Uuid::from_u128(13)), serde_json::json!({ "new_ineventparticipantid": "X1" }));
    let mut event = said(Kind::Registered, 1, Some("lead@x.example"), None);
    let person = event.participant.as_mut().unwrap();
    (person.external_id, person.job_title) = (Some("X1".into()), Some("Engineer".into()));
    let report = engine(&crm, SETTINGS).run(&[event]).await;
    assert_eq!(report.outcomes, [Outcome::Settled { changed: true }]);
    let lead = &crm.rows(false)[&("lead", Uuid::from_u128(12))];
    assert_eq!((&lead["jobtitle"], lead.get("new_ineventparticipantid")), (&"Engineer".into(), None));
}

/// A rule over a column that nobody is found by speaks of new people only: it holds no change of a key back, whatever comes along.
#[tokio::test]
async fn a_change_of_a_key_is_not_refused_for_another_column() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [
        { "source": { "field": "participant.external_id" }, "column": "new_ineventparticipantid" },
        { "source": { "field": "participant.last_name" }, "column": "lastname" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same name", "lastname"));
    crm.by_hand(("lead", Uuid::from_u128(13)), serde_json::json!({ "lastname": "Doe" }));
    let mut event = said(Kind::Registered, 1, Some("lead@x.example"), None);
    let person = event.participant.as_mut().unwrap();
    (person.external_id, person.last_name) = (Some("X1".into()), Some("Doe".into()));
    let report = engine(&crm, SETTINGS).run(&[event]).await;
    assert_eq!(report.outcomes, [Outcome::Settled { changed: true }]);
    let lead = &crm.rows(false)[&("lead", Uuid::from_u128(12))];
    assert_eq!((&lead["new_ineventparticipantid"], &lead["lastname"]), (&"X1".into(), &"Doe".into()));
}

/// Who states a part of a key only changes it all the same.
#[tokio::test]
async fn a_rule_is_asked_for_a_part_of_a_key() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": [{ "columns": [
            { "source": { "field": "participant.company" }, "contact": "new_firm", "lead": "companyname" },
            { "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }, "email"] },
        "mappings": [{ "source": { "answer": "B" }, "column": "new_badge" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same badge", "new_badge"));
    crm.by_hand(("lead", Uuid::from_u128(13)), serde_json::json!({ "new_badge": "7" }));
    let engine = engine(&crm, SETTINGS);
    for (time, address, badge) in [(1, Some("lead@x.example"), "6"), (2, None, "7"), (3, None, "8")] {
        let mut event = said(Kind::Updated, time, address, None);
        event.answers.insert("B".into(), badge.into());
        assert_eq!(engine.run(&[event]).await.outcomes, [Outcome::Settled { changed: true }]);
        let badge = if badge == "7" { "6" } else { badge };
        assert_eq!(crm.rows(false)[&("lead", Uuid::from_u128(12))]["new_badge"], badge);
    }
}

/// Whom a session's row regards may be known from the event's row; it waits for what the rule says of its own participant all the same.
#[tokio::test]
async fn what_is_parked_for_a_duplicate_makes_no_row() {
    const SETTINGS: &str =
        r#"{ "defaults": { "matching": { "closed_duplicates": "park", "correct_addresses": false } } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same address", "emailaddress1"));
    let engine = engine(&crm, SETTINGS);
    engine.run(&[said(Kind::Registered, 2, Some("contact@x.example"), None)]).await;
    let mut parked = said(Kind::SessionEnrolled, 1, Some("closed@x.example"), None);
    parked.session = statement(Kind::SessionEnrolled, 1, 0, 0, 0, Some(0)).session;
    let report = engine.run(&[parked]).await;
    assert!(matches!(&report.outcomes[..], [Outcome::Refused(_)]), "{report:?}");
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(10))]);
}

/// A rule that speaks of closed ones only lets one of them be made, for whom it takes the other then.
#[tokio::test]
async fn of_two_alike_who_are_made_beside_a_closed_one_the_second_is_the_first() {
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule { characters: 4, ..Rule::same("Alike", "emailaddress1") });
    let one = said(Kind::Registered, 1, Some("clo1@x.example"), None);
    let mut other = said(Kind::Registered, 2, Some("close@x.example"), None);
    other.participant.as_mut().unwrap().id = "p1".into();
    let mut third = said(Kind::Registered, 3, Some("CLOSER@x.example"), None);
    third.participant.as_mut().unwrap().id = "p2".into();
    let report = engine(&crm, "{}").run(&[one, other, third]).await;
    assert!(report.outcomes.iter().all(|outcome| *outcome == Outcome::Settled { changed: true }), "{report:?}");
    let (made, regarded) = (made(&crm), regarded(&crm));
    assert_eq!((made.len(), regarded.len()), (2, 3), "{made:?}");
}

/// Of two columns of a key that are written together a rule may mean one only.
#[tokio::test]
async fn a_column_beside_the_one_that_a_rule_refuses_is_written() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": [{ "columns": [
            { "source": { "field": "participant.company" }, "contact": "new_firm", "lead": "companyname" },
            { "source": { "answer": "B" }, "contact": "new_badge", "lead": "new_badge" }] }, "email"] },
        "mappings": [{ "source": { "answer": "B" }, "column": "new_badge" },
            { "source": { "field": "participant.job_title" }, "column": "jobtitle" },
            { "source": { "field": "participant.company" }, "tables": ["lead"], "column": "companyname" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same badge", "new_badge"));
    crm.by_hand(("lead", Uuid::from_u128(13)), serde_json::json!({ "new_badge": "7" }));
    let mut event = said(Kind::Registered, 1, Some("lead@x.example"), Some("Contoso"));
    event.answers.insert("B".into(), "7".into());
    event.participant.as_mut().unwrap().job_title = Some("Engineer".into());
    engine(&crm, SETTINGS).run(&[event]).await;
    let lead = &crm.rows(false)[&("lead", Uuid::from_u128(12))];
    assert_eq!(
        (&lead["companyname"], &lead["jobtitle"], lead.get("new_badge")),
        (&"Contoso".into(), &"Engineer".into(), None)
    );
}

/// A lead that gets another address is somebody new by that address, and not by what is said along.
#[tokio::test]
async fn a_rule_is_asked_for_a_corrected_address_alone() {
    const SETTINGS: &str =
        r#"{ "defaults": { "mappings": [{ "source": { "field": "participant.last_name" }, "column": "lastname" }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same name", "lastname"));
    crm.by_hand(("lead", Uuid::from_u128(12)), serde_json::json!({ "lastname": "Doe" }));
    let engine = engine(&crm, SETTINGS);
    engine.run(&[said(Kind::Registered, 1, Some("ana@x.example"), None)]).await;
    let mut corrected = said(Kind::Updated, 2, Some("eva@x.example"), None);
    corrected.participant.as_mut().unwrap().last_name = Some("Doe".into());
    engine.run(&[corrected]).await;
    assert_eq!(made(&crm), [("lead", Some("eva@x.example".to_owned()))]);
    let named = crm.rows(false).into_values().filter(|row| row.get("lastname") == Some(&"Doe".into()));
    assert_eq!((named.count(), regarded(&crm).len()), (2, 1));
}

/// Who is adopted for somebody else's address is not whom a participant was who had it before.
#[tokio::test]
async fn what_was_said_under_an_address_of_before_is_not_adopted() {
    let crm = alike();
    crm.add("contact", 60, "ruin@x.example", 0);
    let now = said(Kind::Registered, 2, Some("ana@x.example"), None);
    let mut before = said(Kind::Registered, 1, Some("rui@x.example"), None);
    before.participant.as_mut().unwrap().job_title = Some("Engineer".into());
    let mut other = said(Kind::Registered, 3, Some("rui@x.example"), None);
    other.participant.as_mut().unwrap().id = "p1".into();
    engine(&crm, "{}").run(&[now, before, other]).await;
    let lead = ("lead", Some("ana@x.example".to_owned()));
    let titles: Vec<_> = crm.rows(false).into_values().filter_map(|row| row.get("jobtitle").cloned()).collect();
    assert_eq!(made(&crm), [("contact", Some("ruin@x.example".to_owned())), lead]);
    assert_eq!(titles.iter().filter(|title| **title == "Engineer").count(), 1);
    assert_eq!(crm.rows(false)[&("contact", Uuid::from_u128(60))]["jobtitle"], "Seeded");
    assert!(regarded(&crm).contains(&Some(Uuid::from_u128(60))));
}

/// Of whom a rule refuses to make nothing is required: what is said without a key still counts for the row.
#[tokio::test]
async fn nothing_is_required_of_whom_a_duplicate_rule_parks() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "closed_duplicates": "park" }, "mappings": [
        { "source": { "answer": "R" }, "tables": ["lead"], "column": "new_rank", "values": { "Gold": 1 }, "required": true }] } }"#;
    let mut crm = MemoryCrm::seeded();
    crm.rule = Some(Rule::same("Same address", "emailaddress1"));
    let keyed = |address| said(Kind::Registered, 1, Some(address), None);
    let mut keyless = said(Kind::CheckedIn, 2, None, None);
    keyless.answers.insert("R".into(), "odd".into());
    let report = engine(&crm, SETTINGS).run(&[keyed("closed@x.example"), keyless.clone()]).await;
    assert!(matches!(&report.outcomes[..], [Outcome::Refused(_), Outcome::Settled { changed: true }]), "{report:?}");
    assert_eq!((made(&crm), regarded(&crm)), (vec![], vec![None]));

    // Of somebody who is made it is required.
    let crm = MemoryCrm::seeded();
    let report = engine(&crm, SETTINGS).run(&[keyed("ana@x.example"), keyless]).await;
    assert!(matches!(&report.outcomes[..], [Outcome::Settled { changed: true }, Outcome::Refused(_)]), "{report:?}");
    assert_eq!((made(&crm).len(), regarded(&crm).len()), (1, 1));
}

/// While a rule is asked about somebody new, what is said of the same row waits with it: of one look the earliest fills a column.
#[tokio::test]
async fn what_shares_a_row_with_whom_a_rule_is_asked_about_waits_for_the_answer() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false }, "mappings": [
        { "source": { "field": "participant.job_title" }, "tables": ["contact"], "column": "new_note", "mode": "fill_if_empty" }] } }"#;
    let crm = alike();
    crm.add("contact", 60, "anabel@x.example", 0);
    let titled = |time, address, title: &str| {
        let mut event = said(Kind::Registered, time, Some(address), None);
        event.participant.as_mut().unwrap().job_title = Some(title.into());
        event
    };
    let (first, second) = (titled(1, "ana@x.example", "First"), titled(2, "anabel@x.example", "Second"));
    engine(&crm, SETTINGS).run(&[second, first]).await;
    assert_eq!(crm.rows(false)[&("contact", Uuid::from_u128(60))]["new_note"], "First");
}

/// Whoever had an address before and has no lead of their own is somebody new by that address, too.
#[tokio::test]
async fn a_rule_is_asked_for_an_address_of_before() {
    let crm = alike();
    crm.add("contact", 60, "anabel@x.example", 0);
    let before = said(Kind::Registered, 1, Some("ana@x.example"), None);
    let now = said(Kind::Updated, 2, Some("contact@x.example"), None);
    engine(&crm, "{}").run(&[before, now]).await;
    assert_eq!(made(&crm), [("contact", Some("anabel@x.example".to_owned()))]);
}

/// A rule may name a contact that was merged away: its master is who is meant.
#[tokio::test]
async fn the_master_of_a_duplicate_is_adopted() {
    let crm = alike();
    crm.add("contact", 60, "master@x.example", 0);
    crm.add("contact", 61, "anabel@x.example", 1);
    let merged = serde_json::json!({ "merged": true, "_masterid_value": Uuid::from_u128(60) });
    crm.by_hand(("contact", Uuid::from_u128(61)), merged);
    engine(&crm, "{}").run(&[said(Kind::Registered, 1, Some("ana@x.example"), None)]).await;
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(60))]);
}

/// Of an open contact and an open lead that are alike, the contact is meant.
#[tokio::test]
async fn a_contact_is_adopted_before_a_lead() {
    let crm = alike();
    crm.add("lead", 59, "anais@x.example", 0);
    crm.add("contact", 60, "anabel@x.example", 0);
    engine(&crm, "{}").run(&[said(Kind::Registered, 1, Some("ana@x.example"), None)]).await;
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(60))]);
}
