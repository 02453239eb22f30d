//! What is parked, in every kind of store.

use futures_util::{StreamExt as _, stream};
use inevent_d365::{
    model::ParticipantEvent,
    parked::{
        FindError, Kind, Original, Pages, Parked, Selection, count, find, park,
        replay::{Origins, Replayed, replay},
    },
    queue::envelope::{Content, Envelope},
    store::{Key, Store},
    sync::outcome::Refusal,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::places::Place;

pub fn event(id: &str, note: &str) -> ParticipantEvent {
    serde_json::from_value(json!({
        "id": id, "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "4711" },
        "participant": { "id": format!("p{id}"), "email": format!("{id}@x.example") }, "answers": { "Note": note },
    }))
    .unwrap()
}

pub fn refused(event: ParticipantEvent, reason: &str) -> Parked {
    let refusal = Refusal { code: Some(0x8004_0203), reason: reason.to_owned() };
    Parked::refused(event, refusal, Some("0af7651916cd43dd8448eb211c80319c".to_owned()))
}

pub fn raw(text: &str) -> Parked {
    let (reason, original) = ("unreadable".to_owned(), Original::Raw(text.to_owned()));
    Parked { kind: Kind::Undecoded, code: None, reason, trace_id: None, original }
}

pub fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hours * 3_600).unwrap()
}

pub async fn ids(store: &dyn Store) -> Vec<String> {
    let (mut ids, mut pages) = (Vec::new(), Pages::all(store));
    while let Some(page) = pages.next(at(0)).await.unwrap() {
        ids.extend(page.found.into_iter().map(|found| found.entry.id));
    }
    ids
}

async fn records(store: &dyn Store) -> usize {
    store.list("parked", None, 1_000, None).await.unwrap().records.len()
}

pub async fn the_same_parked_twice_is_kept_once(place: &Place) {
    let store = &*place.store;
    park(store, &refused(event("a", ""), "first"), at(0)).await.unwrap();
    park(store, &refused(event("a", ""), "second"), at(1)).await.unwrap();
    let [id] = ids(store).await.try_into().unwrap();
    let found = find(store, &id[..6], at(2)).await.unwrap();
    let entry = &found.entry;
    assert_eq!((entry.at, entry.reason.as_str(), entry.code.as_deref()), (at(1), "second", Some("0x80040203")));
    assert_eq!((entry.event.as_deref(), entry.participant.as_deref()), (Some("4711"), Some("pa")));
    assert_eq!(entry.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert!(!entry.remedy.is_empty());
    assert_eq!(found.original(store).await.unwrap(), Some(Original::Event(Box::new(event("a", "")))));
    assert!(found.remove(store).await.unwrap());
    assert!(matches!(find(store, &id, at(2)).await, Err(FindError::NoSuch(_))));
    for bad in ["", "ab", "zzzzzzzz", "é"] {
        assert!(matches!(find(store, bad, at(2)).await, Err(FindError::NotAnId(_))));
    }
}

pub async fn what_is_large_lies_in_pieces_and_leaves_none(place: &Place) {
    let store = &*place.store;
    for large in ["x".repeat(70_000), "\u{1}é♥\"".repeat(40_000), "\\\"".repeat(300_000)] {
        park(store, &raw(&large), at(0)).await.unwrap();
        let before = records(store).await;
        assert!(before > 2);
        // Again: what the first write left is replaced, and who holds it still takes nothing away.
        let [id] = ids(store).await.try_into().unwrap();
        let stale = find(store, &id, at(0)).await.unwrap();
        park(store, &raw(&large), at(1)).await.unwrap();
        assert_eq!(records(store).await, before);
        assert!(!stale.remove(store).await.unwrap());
        let found = find(store, &id, at(0)).await.unwrap();
        assert_eq!(found.original(store).await.unwrap(), Some(Original::Raw(large)));
        assert!(found.remove(store).await.unwrap());
        assert_eq!(records(store).await, 0);
    }
}

pub async fn any_number_is_listed_page_by_page(place: &Place) {
    let store = &*place.store;
    let parks = (0..450).map(|n| {
        let note = if n % 50 == 0 { "x".repeat(40_000) } else { String::new() };
        let parked = refused(event(&format!("e{n}"), &note), "no");
        async move { park(store, &parked, at(n)).await.unwrap() }
    });
    stream::iter(parks).buffer_unordered(16).collect::<Vec<()>>().await;
    let mut ids = ids(store).await;
    ids.dedup();
    assert_eq!((ids.len(), count(store, 10_000).await.unwrap(), count(store, 100).await.unwrap()), (450, 450, 100));
    let selections = [
        (Selection { since: Some(at(440)), ..Selection::default() }, 10),
        (Selection { participant: Some("pe7".into()), ..Selection::default() }, 1),
        (Selection { event: Some("4711".into()), code: Some("0x80040203".into()), ..Selection::default() }, 450),
        (Selection { event: Some("4712".into()), ..Selection::default() }, 0),
        (Selection { code: Some("0x80040204".into()), ..Selection::default() }, 0),
    ];
    for (selection, expected) in selections {
        let (mut taken, mut pages) = (0, Pages::all(store));
        while let Some(page) = pages.next(at(0)).await.unwrap() {
            assert!(page.orphans.is_empty());
            taken += page.found.iter().filter(|found| selection.takes(&found.entry)).count();
        }
        assert_eq!(taken, expected, "{selection:?}");
    }
}

pub async fn pieces_without_a_head_are_told_after_a_day(place: &Place) {
    let store = &*place.store;
    park(store, &raw(&"x".repeat(70_000)), at(0)).await.unwrap();
    let [id] = ids(store).await.try_into().unwrap();
    let lost = |id: &str| Key::new("parked", &id[..2], format!("{id}.0199a000-0000-7000-8000-000000000000.0"));
    let orphans = [lost(&id), lost("00000000000000000000000000000000")];
    for orphan in &orphans {
        store.put(orphan, &json!({ "at": at(0), "more": "of a writer that died" })).await.unwrap();
    }
    for (now, expected) in [(at(23), 0), (at(25), 2)] {
        let (mut told, mut pages) = (Vec::new(), Pages::all(store));
        while let Some(page) = pages.next(now).await.unwrap() {
            told.extend(page.orphans);
        }
        assert_eq!(told.len(), expected);
        assert!(told.iter().all(|key| orphans.contains(key)));
    }
}

pub async fn a_replayed_event_is_queued_and_not_parked(place: &Place) {
    let (store, queue) = (&*place.store, place.queue().await);
    let now = at(5);
    let replayed = |id: String| {
        let queue = &*queue;
        async move {
            let found = find(store, &id, now).await.unwrap();
            replay(store, Origins { events: queue, webhooks: queue }, &*place.bodies, &found, now).await.unwrap()
        }
    };
    for original in [event("a", ""), event("b", &"é".repeat(60_000))] {
        park(store, &refused(original.clone(), "no"), at(0)).await.unwrap();
        let [id] = ids(store).await.try_into().unwrap();
        assert_eq!(replayed(id).await, Replayed::Queued);
        assert_eq!(count(store, 10).await.unwrap(), 0);
        let [message] = queue.receive(32, std::time::Duration::from_secs(600)).await.unwrap().try_into().unwrap();
        let Envelope { history, content, .. } = Envelope::parse(&message.text).unwrap();
        let items = match content {
            Content::Items(items) => items,
            Content::Body(key) => serde_json::from_slice(&place.bodies.get(&key).await.unwrap().unwrap()).unwrap(),
        };
        assert_eq!((history.attempt, history.first_seen, items), (0, now, vec![json!(original)]));
    }

    // What was written by a newer release goes back as it was; what is no event stays.
    park(store, &raw(r#"{"envelope":99,"more":true}"#), at(0)).await.unwrap();
    let [id] = ids(store).await.try_into().unwrap();
    assert_eq!(replayed(id).await, Replayed::Queued);
    park(store, &raw("plain text"), at(0)).await.unwrap();
    let [id] = ids(store).await.try_into().unwrap();
    assert_eq!(replayed(id.clone()).await, Replayed::NotAnEvent);
    let found = find(store, &id, now).await.unwrap();
    assert!(found.remove(store).await.unwrap());
    assert_eq!(
        replay(store, Origins { events: &*queue, webhooks: &*queue }, &*place.bodies, &found, now).await.unwrap(),
        Replayed::NotAnEvent
    );
}

pub async fn what_is_parked_anew_during_its_replay_stays(place: &Place) {
    let (store, queue) = (&*place.store, place.queue().await);
    park(store, &refused(event("a", ""), "first"), at(0)).await.unwrap();
    let [id] = ids(store).await.try_into().unwrap();
    let found = find(store, &id, at(0)).await.unwrap();
    park(store, &refused(event("a", ""), "again"), at(0) + SignedDuration::from_secs(1)).await.unwrap();
    let replayed =
        replay(store, Origins { events: &*queue, webhooks: &*queue }, &*place.bodies, &found, at(1)).await.unwrap();
    assert_eq!(replayed, Replayed::QueuedAndParkedAnew);
    assert_eq!(find(store, &id, at(1)).await.unwrap().entry.reason, "again");
}
