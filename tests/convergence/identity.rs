//! Whom a participant is: cases that generated histories found, each by itself.

mod duplicates;
mod rows;

use std::sync::Arc;

use inevent_d365::{
    model::{Kind, ParticipantEvent},
    sync::{
        current::CurrentSettings,
        engine::{Engine, Scope},
        outcome::{Outcome, Postponement},
    },
};
use uuid::Uuid;

use crate::{
    crm::MemoryCrm,
    histories::{Delivery, statement},
    processes::{Delivered, deliver_into},
    settings::Fixed,
    store::MemoryStore,
};

pub fn said(kind: Kind, time: i64, address: Option<&str>, company: Option<&str>) -> ParticipantEvent {
    let mut event = statement(kind, time, 0, 0, 0, None);
    event.id = time.to_string();
    let person = event.participant.as_mut().unwrap();
    (person.email, person.company) = (address.map(str::to_owned), company.map(str::to_owned));
    event
}

pub fn engine(crm: &MemoryCrm, settings: &'static str) -> Engine {
    Engine::new(Arc::new(crm.clone()), Arc::new(MemoryStore::default()), "t".into())
        .with_settings(CurrentSettings::kept(Arc::new(Fixed(settings))))
}

/// Who is there beside those who were there before, with their address.
fn made(crm: &MemoryCrm) -> Vec<(&'static str, Option<String>)> {
    let rows = crm.rows(false);
    let people = rows.iter().filter(|((table, id), _)| {
        matches!(*table, "contact" | "lead") && !MemoryCrm::seeded().rows(false).contains_key(&(*table, *id))
    });
    let address = |row: &inevent_d365::dataverse::Columns| Some(row.get("emailaddress1")?.as_str()?.to_owned());
    people.map(|((table, _), row)| (*table, address(row))).collect()
}

fn regarded(crm: &MemoryCrm) -> Vec<Option<Uuid>> {
    let rows = crm.rows(false);
    let rows = rows.iter().filter(|((table, _), _)| *table == "new_eventattendance");
    rows.map(|(_, row)| row.get("_regardingobjectid_value")?.as_str()?.parse().ok()).collect()
}

/// A contact's company is the name of its account, which the connector does not give it.
#[test]
fn a_contact_made_for_address_and_company_is_found_again() {
    const SETTINGS: &str = r#"{ "defaults": { "unmatched": "create_contact",
        "matching": { "keys": ["email_and_company"], "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    let one = said(Kind::Registered, 1, Some("ana@x.example"), Some("Contoso"));
    let mut other = said(Kind::Registered, 2, Some("Ana@x.example"), Some("contoso"));
    other.participant.as_mut().unwrap().id = "p1".into();
    let how = Delivery::one_by_one(SETTINGS);
    // The first participant becomes somebody else, so that no row remembers the key.
    let moved = said(Kind::Updated, 3, Some("eva@x.example"), Some("Contoso"));
    for _ in 0..3 {
        deliver_into(&crm, &[&[one.clone(), moved.clone()], &[other.clone()]], &how);
        assert_eq!(made(&crm).len(), 2, "{:?}", made(&crm));
    }
}

/// What is said without the whole key, in the same batch, may state another address.
#[tokio::test]
async fn a_lead_made_for_address_and_company_has_that_address() {
    const SETTINGS: &str =
        r#"{ "defaults": { "matching": { "keys": ["email_and_company"], "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    let whole = said(Kind::Registered, 1, Some("ana@x.example"), Some("Contoso"));
    engine(&crm, SETTINGS).run(&[whole, said(Kind::Updated, 2, Some("eva@x.example"), None)]).await;
    assert_eq!(made(&crm), [("lead", Some("ana@x.example".to_owned()))]);
}

/// In batched writing people are written first, and the rows when the same statements come again; a process may die between the two.
#[tokio::test]
async fn the_lead_of_a_guest_is_found_again_before_any_row_regards_it() {
    const SETTINGS: &str =
        r#"{ "defaults": { "matching": { "without_key": "create" } }, "events": { "e1": { "unmatched": "ignore" } } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    let guest = [said(Kind::Registered, 1, None, None)];
    for scope in [Scope::People, Scope::People, Scope::Everything, Scope::Everything] {
        engine.run_within(scope, &guest).await;
        assert_eq!(made(&crm), [("lead", None)]);
    }
    assert!(regarded(&crm)[0].is_some());

    // Where unmatched participants are ignored nobody is made of a guest, and neither is a row.
    let ignored = [said(Kind::Registered, 1, None, None), said(Kind::Updated, 2, Some("ana@x.example"), None)];
    let ignored = ignored.map(|mut event| {
        event.event.id = "e1".into();
        event
    });
    engine.run(&ignored).await;
    assert_eq!((made(&crm).len(), regarded(&crm).len()), (1, 1));
}

/// A statement that the settings leave out does not say who a guest is.
#[tokio::test]
async fn what_is_left_out_makes_no_guest_known() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "without_key": "create" }, "only_if": "participant.id == 'p0' and not participant.email" } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    let guest = said(Kind::Registered, 1, Some(""), None);
    engine.run(&[guest, said(Kind::Updated, 2, Some("ana@x.example"), None)]).await;
    assert_eq!(made(&crm), [("lead", None)]);
    assert!(regarded(&crm)[0].is_some());
}

/// Of a statement that is parked nothing is written, through others of its batch neither.
#[tokio::test]
async fn what_is_parked_lends_nobody_its_keys() {
    const SETTINGS: &str = r#"{
        "defaults": {
            "matching": { "keys": ["external_id", "email"] },
            "mappings": [{ "source": { "answer": "R" }, "tables": ["contact", "lead"], "column": "new_rank", "values": { "Gold": 1 },
                "required": true }]
        },
        "events": { "e1": { "unmatched": "ignore" } } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    let mut parked = said(Kind::Registered, 1, Some("contact@x.example"), None);
    parked.answers.insert("R".into(), "odd".into());
    let mut ignored = said(Kind::Registered, 2, Some("ana@x.example"), None);
    ignored.event.id = "e1".into();
    let mut other = said(Kind::Registered, 3, None, None);
    other.participant.as_mut().unwrap().id = "p1".into();
    // The third has the id of the first, and so is not made known by its address.
    for event in [&mut parked, &mut other] {
        event.participant.as_mut().unwrap().external_id = Some("X1".into());
    }
    let mut also_parked = said(Kind::Updated, 4, Some("ana@x.example"), None);
    also_parked.answers.insert("R".into(), "odd".into());
    let report = engine.run(&[parked, ignored, other, also_parked]).await;
    let refused = |at: usize| matches!(report.outcomes[at], Outcome::Refused(_));
    assert_eq!([0, 1, 2, 3].map(refused), [true, false, false, true], "{report:?}");
    // Nobody is made for the address of the last, so the second is about nobody.
    assert_eq!((made(&crm), regarded(&crm).len()), (vec![("lead", None)], 1));
}

/// Where the latest address belongs to nobody, rows stay with whom they regarded, whatever is said again of the time before.
#[test]
fn an_earlier_address_moves_no_row_back() {
    const SETTINGS: &str =
        r#"{ "defaults": { "unmatched": "update_only", "matching": { "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    let delivered = Delivered::into(&crm);
    let how = Delivery::one_by_one(SETTINGS);
    let of_session = |mut event: ParticipantEvent| {
        event.session = statement(Kind::SessionEnrolled, 1, 0, 0, 0, Some(0)).session;
        event
    };
    let contact = of_session(said(Kind::SessionEnrolled, 1, Some("contact@x.example"), None));
    let lead = said(Kind::Registered, 2, Some("lead@x.example"), None);
    let nobody = said(Kind::Updated, 3, Some("nobody@x.example"), None);
    delivered.run(&[contact.clone(), lead.clone(), nobody], &how);
    let before = (regarded(&crm), crm.writes());
    assert_eq!(before.0, [Some(Uuid::from_u128(12)); 2]);
    delivered.run(&[contact, lead], &how);
    assert_eq!((regarded(&crm), crm.writes()), before);
}

/// Merging leaves other contacts with the address as they are.
#[test]
fn rows_of_a_merged_contact_follow_it_though_somebody_else_has_the_address() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    crm.add("contact", 60, "master@x.example", 0);
    crm.add("contact", 61, "contact@x.example", 0);
    let delivered = Delivered::into(&crm);
    let how = Delivery::one_by_one(SETTINGS);
    let registered = said(Kind::Registered, 1, Some("contact@x.example"), None);
    delivered.run(std::slice::from_ref(&registered), &how);
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(10))]);
    let merged = serde_json::json!({ "statecode": 1, "merged": true, "_masterid_value": Uuid::from_u128(60) });
    crm.by_hand(("contact", Uuid::from_u128(10)), merged);
    delivered.run(&[registered], &how);
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(60))]);
}

/// Where inactive contacts are taken, what lacks the key is about the one whom the rows regard, too.
#[tokio::test]
async fn what_lacks_the_key_of_an_inactive_contact_is_about_that_contact() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "inactive_contacts": true } } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    let known = said(Kind::Registered, 1, Some("inactive@x.example"), None);
    let mut keyless = said(Kind::Updated, 2, None, None);
    keyless.participant.as_mut().unwrap().job_title = Some("Engineer".into());
    for event in [known, keyless] {
        engine.run(&[event]).await;
    }
    let contact = Uuid::from_u128(11);
    assert_eq!(
        (regarded(&crm), &crm.rows(false)[&("contact", contact)]["jobtitle"]),
        (vec![Some(contact)], &"Engineer".into())
    );
}

fn owners(crm: &MemoryCrm) -> Vec<String> {
    let rows = crm.rows(false);
    let rows = rows.iter().filter(|((table, _), _)| *table == "new_eventattendance");
    rows.map(|(_, row)| row["_ownerid_value"].as_str().unwrap().to_owned()).collect()
}

/// Somebody gave the participant's other row to another user; the statement is of an earlier address.
#[test]
fn a_new_row_belongs_to_the_owner_of_its_person_not_of_the_row_beside_it() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    let delivered = Delivered::into(&crm);
    let how = Delivery::one_by_one(SETTINGS);
    delivered.run(&[said(Kind::Registered, 2, Some("contact@x.example"), None)], &how);
    let keys = crm.rows(false).into_keys();
    for row in keys.filter(|(table, _)| *table == "new_eventattendance") {
        crm.by_hand(row, serde_json::json!({ "_ownerid_value": Uuid::from_u128(1_081) }));
    }
    let mut earlier = said(Kind::SessionEnrolled, 1, Some("lead@x.example"), None);
    earlier.session = statement(Kind::SessionEnrolled, 1, 0, 0, 0, Some(0)).session;
    delivered.run(&[earlier], &how);
    let mut expected = [1_010, 1_081].map(|owner| Uuid::from_u128(owner).to_string());
    let mut found = owners(&crm);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(regarded(&crm), [Some(Uuid::from_u128(10)); 2]);
}

/// The row stays with whom it regards, and so does its owner.
#[test]
fn a_row_does_not_change_hands_with_somebody_else_who_has_the_address_by_now() {
    const SETTINGS: &str = r#"{ "defaults": { "follow_owner": true, "matching": { "correct_addresses": false } } }"#;
    let crm = MemoryCrm::seeded();
    crm.add("lead", 62, "ana@x.example", 0);
    let delivered = Delivered::into(&crm);
    let how = Delivery::one_by_one(SETTINGS);
    let registered = said(Kind::Registered, 1, Some("ana@x.example"), None);
    delivered.run(std::slice::from_ref(&registered), &how);
    crm.add("contact", 63, "ana@x.example", 0);
    delivered.run(std::slice::from_ref(&registered), &how);
    assert_eq!(
        (regarded(&crm), owners(&crm)),
        (vec![Some(Uuid::from_u128(62))], vec![Uuid::from_u128(1_062).to_string()])
    );
    // With the one whom it regards it does.
    crm.by_hand(("lead", Uuid::from_u128(62)), serde_json::json!({ "_ownerid_value": Uuid::from_u128(1_080) }));
    delivered.run(&[registered], &how);
    assert_eq!(owners(&crm), [Uuid::from_u128(1_080).to_string()]);
}

/// Delivers all of it in one batch, and again.
async fn together(settings: &'static str, events: &[ParticipantEvent]) -> MemoryCrm {
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, settings);
    engine.run(events).await;
    let writes = crm.writes();
    engine.run(events).await;
    assert_eq!(crm.writes(), writes, "what is known writes nothing");
    crm
}

fn with_id(mut event: ParticipantEvent, id: &str) -> ParticipantEvent {
    event.participant.as_mut().unwrap().external_id = Some(id.into());
    event
}

const BY_ID: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] },
    "mappings": [{ "source": { "field": "participant.external_id" }, "column": "new_ineventparticipantid" }] },
    "events": { "e1": { "unmatched": "create_contact" } } }"#;

/// One address is one person, whether their id is said along or not.
#[tokio::test]
async fn who_is_made_by_their_id_is_found_by_their_address_in_the_same_batch() {
    let registered = with_id(said(Kind::Registered, 1, Some("ana@x.example"), None), "X7");
    let seen = said(Kind::CheckedIn, 2, Some("ana@x.example"), None);
    let crm = together(BY_ID, &[seen, registered]).await;
    assert_eq!((made(&crm), regarded(&crm).len()), (vec![("lead", Some("ana@x.example".to_owned()))], 1));
}

/// Of two who ask for somebody the one with an address makes them, be it the later one.
#[tokio::test]
async fn who_is_made_has_an_address_if_one_is_stated() {
    let nameless = with_id(said(Kind::Registered, 1, None, None), "X7");
    let registered = with_id(said(Kind::Registered, 2, Some("ana@x.example"), None), "X7");
    let crm = together(BY_ID, &[nameless, registered]).await;
    assert_eq!(made(&crm), [("lead", Some("ana@x.example".to_owned()))]);
}

/// Two who state one id may have different addresses: each is found by their own.
#[tokio::test]
async fn an_address_speaks_for_its_own_participant_only() {
    let known = with_id(said(Kind::Registered, 1, Some("lead@x.example"), None), "X7");
    let mut other = with_id(said(Kind::Registered, 2, Some("contact@x.example"), None), "X7");
    other.participant.as_mut().unwrap().id = "p1".into();
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [] } }"#;
    let crm = together(SETTINGS, &[known, other]).await;
    let mut people = regarded(&crm);
    people.sort();
    assert_eq!(people, [Some(Uuid::from_u128(10)), Some(Uuid::from_u128(12))]);
}

/// The event that asks for somebody says where they are made and what of their address.
#[tokio::test]
async fn who_is_made_is_made_of_one_statement() {
    let lead = with_id(said(Kind::Registered, 1, Some("ana@x.example"), None), "X7");
    let mut contact = with_id(said(Kind::Registered, 2, Some("eva@x.example"), None), "X7");
    contact.event.id = "e1".into();
    let crm = together(BY_ID, &[lead, contact]).await;
    assert_eq!(made(&crm), [("lead", Some("ana@x.example".to_owned()))]);
}

/// What an event ignores says nothing of who its participant is.
#[tokio::test]
async fn what_is_ignored_does_not_hide_whom_the_rows_regard() {
    const SETTINGS: &str = r#"{ "defaults": { "unmatched": "ignore" } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    engine.run(&[said(Kind::Registered, 1, Some("lead@x.example"), None)]).await;
    let ignored = said(Kind::Updated, 2, Some("ana@x.example"), None);
    let mut keyless = said(Kind::Updated, 3, None, None);
    keyless.participant.as_mut().unwrap().job_title = Some("Engineer".into());
    engine.run(&[ignored, keyless]).await;
    assert_eq!(crm.rows(false)[&("lead", Uuid::from_u128(12))]["jobtitle"], "Engineer");
}

/// Of an address that its participant has left behind nobody is made, while their lead is just getting the one of now.
#[tokio::test]
async fn an_address_of_before_is_of_the_lead_that_gets_the_one_of_now() {
    const SETTINGS: &str = "{}";
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    engine.run(&[said(Kind::Registered, 2, Some("rui@x.example"), None)]).await;
    let before = said(Kind::Registered, 1, Some("eva@x.example"), None);
    engine.run(&[before, said(Kind::Updated, 3, Some("ana@x.example"), None)]).await;
    assert_eq!(made(&crm), [("lead", Some("ana@x.example".to_owned()))]);
}

/// Nobody is made by what is parked, so what would be refused of somebody is said of nobody, and counts.
#[tokio::test]
async fn what_is_parked_parks_nothing_that_is_about_nobody() {
    const SETTINGS: &str = r#"{ "defaults": { "mappings": [
        { "source": { "answer": "R" }, "tables": ["contact", "lead"], "column": "new_rank", "values": { "Gold": 1 }, "required": true }] },
        "events": { "e1": { "unmatched": "update_only" } } }"#;
    let odd = |mut event: ParticipantEvent, of: &str| {
        event.event.id = of.into();
        event.answers.insert("R".into(), "odd".into());
        event
    };
    let parked = odd(said(Kind::Registered, 1, Some("ana@x.example"), None), "e0");
    let of_nobody = odd(said(Kind::Registered, 2, Some("ana@x.example"), None), "e1");
    let keyless = odd(said(Kind::Updated, 3, None, None), "e0");
    let crm = MemoryCrm::seeded();
    let report = engine(&crm, SETTINGS).run(&[parked, of_nobody, keyless]).await;
    let refused = |at: usize| matches!(report.outcomes[at], Outcome::Refused(_));
    assert_eq!([0, 1, 2].map(refused), [true, false, false], "{report:?}");
    assert_eq!((made(&crm), regarded(&crm)), (vec![], vec![None, None]));
}

fn by(participant: &str, mut event: ParticipantEvent) -> ParticipantEvent {
    event.participant.as_mut().unwrap().id = participant.into();
    event
}

fn addresses(crm: &MemoryCrm) -> Vec<String> {
    let mut addresses: Vec<String> = made(crm).into_iter().filter_map(|(_, address)| address).collect();
    addresses.sort();
    addresses
}

/// Two who share a lead get other addresses at once: it is the one's own once the other has left it.
#[tokio::test]
async fn of_those_who_leave_a_lead_together_the_last_one_keeps_it() {
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, "{}");
    let at = |time, address| said(Kind::Registered, time, Some(address), None);
    engine.run(&[by("p0", at(1, "eva@x.example")), by("p1", at(2, "eva@x.example"))]).await;
    engine.run(&[by("p0", at(3, "ana@x.example")), by("p1", at(4, "rui@x.example"))]).await;
    assert_eq!(addresses(&crm), ["ana@x.example", "rui@x.example"]);
}

/// What somebody said under a key that they have no more gives them no row of whoever is found by it.
#[tokio::test]
async fn who_is_only_spoken_of_leaves_a_lead_to_its_participant() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [] } }"#;
    let crm = MemoryCrm::seeded();
    let engine = engine(&crm, SETTINGS);
    let at = |time, address| said(Kind::Registered, time, Some(address), None);
    engine.run(&[by("p0", at(1, "eva@x.example")), by("p1", with_id(at(5, "ana@x.example"), "X9"))]).await;
    engine.run(&[by("p1", with_id(at(2, "eva@x.example"), "X8")), by("p0", at(6, "rui@x.example"))]).await;
    assert_eq!(addresses(&crm), ["ana@x.example", "rui@x.example"]);
}

/// What is said without a key is about whom the participant's key means, in the same batch, too: nothing of it counts before that is known.
#[tokio::test]
async fn who_states_no_key_waits_for_whom_their_key_means() {
    const SETTINGS: &str = r#"{ "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [
        { "source": { "answer": "R" }, "tables": ["lead"], "column": "new_rank", "values": { "Gold": 1 }, "required": true }] } }"#;
    let crm = MemoryCrm::seeded();
    let first = by("p1", with_id(said(Kind::Registered, 1, Some("ana@x.example"), None), "X7"));
    let second = by("p0", said(Kind::Registered, 2, Some("ana@x.example"), None));
    let mut keyless = by("p0", statement(Kind::SessionEnrolled, 3, 0, 0, 0, Some(0)));
    keyless.participant.as_mut().unwrap().email = None;
    keyless.answers.insert("R".into(), "odd".into());
    let report = engine(&crm, SETTINGS).run(&[first, second, keyless]).await;
    assert!(matches!(report.outcomes[2], Outcome::Refused(_)), "{report:?}");
    assert_eq!(regarded(&crm).len(), 2, "what is refused makes no row");
}

/// Two processes meet somebody in the same moment, the one by their id and address, the other by their address.
#[tokio::test]
async fn who_is_met_by_two_processes_at_once_is_made_once() {
    let crm = MemoryCrm::seeded();
    let store = Arc::new(MemoryStore::default());
    let process = || {
        let engine = Engine::new(Arc::new(crm.clone()), store.clone(), "t".into());
        engine.with_settings(CurrentSettings::kept(Arc::new(Fixed(BY_ID))))
    };
    let (one, other) = (process(), process());
    let mut by_id = vec![by("p0", with_id(said(Kind::Registered, 1, Some("ana@x.example"), None), "X7"))];
    let mut by_address = vec![by("p1", said(Kind::Registered, 2, Some("ana@x.example"), None))];
    let claimed = |outcome: &Outcome| *outcome == Outcome::Postponed(Postponement::Claimed);
    let leave = |events: &mut Vec<ParticipantEvent>, outcomes: &[Outcome]| {
        let mut claimed = outcomes.iter().map(claimed);
        events.retain(|_| claimed.next().unwrap());
    };
    let mut met = 0;
    // Each leaves it to the other the first time. Whoever comes next alone does it.
    while !(by_id.is_empty() && by_address.is_empty()) {
        let (first, second) = if met == 0 {
            tokio::join!(one.run(&by_id), other.run(&by_address))
        } else {
            (one.run(&by_id).await, other.run(&by_address).await)
        };
        leave(&mut by_id, &first.outcomes);
        leave(&mut by_address, &second.outcomes);
        met += 1;
        assert!(met < 5, "they leave it to each other for ever");
    }
    assert!(met > 1, "they did not meet");
    assert_eq!(addresses(&crm), ["ana@x.example"]);
    let regarded = regarded(&crm);
    assert!(regarded.len() == 2 && regarded[0] == regarded[1] && regarded[0].is_some(), "{regarded:?}");
}
