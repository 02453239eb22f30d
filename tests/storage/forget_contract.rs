//! Who is forgotten, and what is kept for a time only, in every kind of store. Time is an argument.

use std::time::{Duration, Instant};

use inevent_d365::{
    forget::{Erased, Forgotten, Lookup, erase, remember, take_back},
    functions::retention::{self, Pruned, SETTLED_KEPT},
    model::Address,
    parked::{Pages, count, park},
    store::Key,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    parked_contract::{at, event, raw, refused},
    places::Place,
};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub async fn who_is_forgotten_is_known_within_ten_seconds(place: &Place) {
    let (store, begin) = (&*place.store, Instant::now());
    let lookup = Lookup::new(place.store.clone());
    let second = |n| begin + Duration::from_secs(n);
    assert!(lookup.current(second(0)).await.unwrap().is_empty());
    remember(store, &address("Ana@x.example"), at(0)).await.unwrap();
    assert!(lookup.current(second(9)).await.unwrap().is_empty(), "nothing is read for the events in between");
    let forgotten = lookup.current(second(10)).await.unwrap();
    assert!(forgotten.contains(&address("ana@X.example")) && !forgotten.contains(&address("bo@x.example")));
    assert!(forgotten.concerns(&event("ana", "")) && !forgotten.concerns(&event("bo", "ana@x.example")));

    // Nothing changed: the same list. Then another person, twice; and the first one taken back.
    assert!(std::sync::Arc::ptr_eq(&forgotten, &lookup.current(second(20)).await.unwrap()));
    for _ in 0..2 {
        remember(store, &address("bo@x.example"), at(0)).await.unwrap();
    }
    assert!(lookup.current(second(30)).await.unwrap().contains(&address("bo@x.example")));
    assert!(take_back(store, &address("ana@x.example")).await.unwrap());
    assert!(!take_back(store, &address("ana@x.example")).await.unwrap());
    let forgotten = lookup.current(second(40)).await.unwrap();
    assert!(!forgotten.contains(&address("ana@x.example")) && forgotten.contains(&address("bo@x.example")));

    // No address stands in the store, in a value or in a key.
    for record in store.list("forgotten", None, 100, None).await.unwrap().records {
        assert!(!format!("{record:?}").contains("x.example"));
    }
}

pub async fn participants_are_known_by_their_ids_until_their_address_is_taken_back(place: &Place) {
    let (store, begin) = (&*place.store, Instant::now());
    let lookup = Lookup::new(place.store.clone());
    remember(store, &address("ana@x.example"), at(0)).await.unwrap();
    let without = |id: &str| {
        let mut event = event(id, "");
        event.participant.as_mut().unwrap().email = None;
        event
    };
    let forgotten = lookup.current(begin).await.unwrap();
    assert!(!forgotten.concerns(&without("ana")));
    let unknown = forgotten.unknown_participants(&[event("ana", ""), event("bo", ""), without("cho")]);
    assert_eq!(unknown.len(), 1);
    // At once for this process.
    let forgotten = lookup.learn(&unknown, begin).await.unwrap();
    assert!(forgotten.concerns(&without("ana")) && !forgotten.concerns(&without("bo")));
    assert!(forgotten.unknown_participants(&[event("ana", "")]).is_empty());
    let other_event = {
        let mut event = without("ana");
        event.event.id = "another".into();
        event
    };
    assert!(!forgotten.concerns(&other_event), "ids of one event say nothing about another");
    park(store, &refused(without("ana"), "no"), at(0)).await.unwrap();
    assert_eq!(erase(store, at(1)).await.unwrap(), Erased { entries: 1, reasons: 0, missed: 0 });
    assert!(take_back(store, &address("ana@x.example")).await.unwrap());
    let later = begin + Duration::from_secs(10);
    assert!(!lookup.current(later).await.unwrap().concerns(&without("ana")));
}

pub async fn a_person_is_erased_from_what_is_parked(place: &Place) {
    let store = &*place.store;
    park(store, &refused(event("ana", ""), "no"), at(0)).await.unwrap();
    park(store, &refused(event("ana", &"x".repeat(70_000)), "no"), at(0)).await.unwrap();
    park(store, &refused(event("bo", ""), "A record with ana@x.example exists"), at(0)).await.unwrap();
    park(store, &raw("to: <ANA@x.example>"), at(0)).await.unwrap();
    park(store, &raw("to: <diana@x.example>"), at(0)).await.unwrap();
    assert_eq!(erase(store, at(1)).await.unwrap(), Erased::default());
    remember(store, &address("ana@x.example"), at(1)).await.unwrap();
    assert_eq!(erase(store, at(1)).await.unwrap(), Erased { entries: 3, reasons: 1, missed: 0 });
    assert_eq!(erase(store, at(1)).await.unwrap(), Erased::default());
    let mut pages = Pages::all(store);
    let page = pages.next(at(1)).await.unwrap().unwrap();
    assert_eq!(page.found.len(), 2);
    for record in store.list("parked", None, 100, None).await.unwrap().records {
        let text = record.value.to_string().replace("diana@", "");
        assert!(!text.contains("ana@"), "{text}");
    }
}

pub async fn what_is_past_its_time_is_removed(place: &Place) {
    let store = &*place.store;
    let (nobody, days) = (Forgotten::default(), |days: i64| SignedDuration::from_hours(days * 24));
    for n in 0..5 {
        park(store, &refused(event(&format!("old{n}"), &"x".repeat(n * 20_000)), "no"), at(0)).await.unwrap();
    }
    park(store, &refused(event("young", ""), "no"), at(24 * 100)).await.unwrap();
    for (row, hours) in [("body/a", 0), ("body/b", 24 * 170)] {
        store.put(&Key::new("settledbody", "body", row), &json!({ "at": at(hours) })).await.unwrap();
    }
    let run = |kept, hours| retention::run(store, kept, &nobody, at(hours));
    // For ever; then not a moment too early; then when it is time, but for a rest of an hour after the last pass.
    assert_eq!(run(None, 24 * 13).await.unwrap(), Pruned::default());
    assert_eq!(run(Some(days(180)), 24 * 180).await.unwrap(), Pruned { parked: 0, notes: 1 });
    assert_eq!(run(Some(days(179)), 24 * 180).await.unwrap(), Pruned::default());
    assert_eq!(run(Some(days(180)), 24 * 180 + 1).await.unwrap(), Pruned { parked: 5, notes: 0 });
    assert_eq!(count(store, 100).await.unwrap(), 1);
    assert_eq!(store.list("parked", None, 100, None).await.unwrap().records.len(), 1);
    assert_eq!(SETTLED_KEPT, days(14));
    assert_eq!(run(Some(days(180)), 24 * 185).await.unwrap(), Pruned { parked: 0, notes: 1 });
}

pub async fn a_run_does_a_bounded_part_and_the_next_goes_on(place: &Place) {
    let store = &*place.store;
    let nobody = Forgotten::default();
    let parks: Vec<_> = (0..2_100).map(|n| refused(event(&format!("e{n}"), ""), "no")).collect();
    use futures_util::{StreamExt as _, stream};
    let parks = parks.iter().map(|parked| async move { park(store, parked, at(0)).await.unwrap() });
    stream::iter(parks).buffer_unordered(16).collect::<Vec<()>>().await;
    let kept = Some(SignedDuration::from_hours(24));
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(retention::run(store, kept, &nobody, at(48)).await.unwrap().parked);
    }
    assert_eq!((removed.iter().sum::<usize>(), removed[2]), (2_100, 0), "{removed:?}");
    assert!(removed[0] < 2_100);
    assert_eq!(count(store, 10).await.unwrap(), 0);
}
