//! The sync log, in every kind of store.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use inevent_d365::{
    functions::retention::prune_sync_log,
    store::Store,
    sync::plan::EventParticipant,
    synclog::{Entry, Query, Step, SyncLog, Verdict, erase, prune, search},
};
use jiff::{SignedDuration, Timestamp};

use crate::{parked_contract::at, places::Place};

fn entry(at: Timestamp, event: &str, participant: &str, result: Verdict) -> Entry {
    Entry { participant: Some(participant.to_owned()), ..Entry::new(at, Step::Sync, result, event) }
}

/// Notes them, and waits until they can be found.
async fn noted(store: &Arc<dyn Store>, entries: Vec<Entry>) {
    let (log, before) = (SyncLog::start(store.clone()), all(store).await.len());
    let wanted = before + entries.len();
    log.note(entries);
    let begun = Instant::now();
    while all(store).await.len() < wanted {
        assert!(begun.elapsed() < Duration::from_secs(30), "not written down");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn all(store: &Arc<dyn Store>) -> Vec<Entry> {
    search(&**store, &Query { limit: usize::MAX, ..Query::default() }).await.unwrap()
}

pub async fn entries_are_found_by_event_person_result_and_time(place: &Place) {
    let store = &place.store;
    let ana = entry(at(0), "4711", "ana", Verdict::Written);
    let bo = entry(at(1), "4711", "bo", Verdict::Refused);
    let other = entry(at(30), "a b/c", "ana", Verdict::Unchanged);
    let unknown = Entry::new(at(31), Step::Webhook, Verdict::Held, "");
    noted(store, vec![ana.clone(), bo.clone(), other.clone(), unknown.clone()]).await;

    let found = async |query: Query| search(&**store, &Query { limit: 10, ..query }).await.unwrap();
    let (of_b, refused) = (vec![other.clone()], vec![bo.clone()]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(Query::default()).await, [&unknown, &other, &bo, &ana].map(Entry::clone), "the newest first");
    assert_eq!(found(Query { event: text("4711"), ..Query::default() }).await, [bo.clone(), ana.clone()]);
    assert_eq!(found(Query { event: text("a b/c"), ..Query::default() }).await, of_b);
    assert_eq!(found(Query { participant: text("ana"), ..Query::default() }).await, [other.clone(), ana.clone()]);
    assert_eq!(found(Query { result: Some(Verdict::Refused), ..Query::default() }).await, refused);
    let between = Query { since: Some(at(1)), until: Some(at(31)), ..Query::default() };
    assert_eq!(found(between).await, [other.clone(), bo]);
    assert_eq!(search(&**store, &Query { limit: 1, ..Query::default() }).await.unwrap(), [unknown]);
}

pub async fn the_ids_of_a_participant_are_taken_out(place: &Place) {
    let store = &place.store;
    let statement = |at, event, participant| {
        let entry = entry(at, event, participant, Verdict::Written);
        Entry { statement: Some(format!("{participant}-1")), ..entry }
    };
    let others = [statement(at(0), "4711", "bo"), statement(at(30), "4712", "ana")];
    noted(store, vec![statement(at(0), "4711", "ana"), others[0].clone()]).await;
    noted(store, vec![statement(at(30), "4711", "ana"), others[1].clone()]).await;
    let ana = [EventParticipant { event: "4711".into(), participant: "ana".into() }].into();
    assert_eq!(erase(&**store, &ana).await.unwrap(), 2);
    assert_eq!(erase(&**store, &ana).await.unwrap(), 0);
    let (named, unnamed): (Vec<Entry>, Vec<Entry>) =
        all(store).await.into_iter().partition(|entry| entry.participant.is_some());
    assert_eq!(named, [others[1].clone(), others[0].clone()]);
    let expected = [30, 0].map(|hour| Entry::new(at(hour), Step::Sync, Verdict::Written, "4711"));
    assert_eq!(unnamed, expected, "what became of something stays");
}

pub async fn a_batch_costs_one_record_an_event(place: &Place) {
    let store = &place.store;
    let batch = (0..1_000).map(|n| entry(at(0), "4711", &format!("p{n}"), Verdict::Written)).collect();
    noted(store, batch).await;
    let records = store.list("synclog", None, 1_000, None).await.unwrap().records;
    assert!(records.len() <= 2, "{}", records.len());
    assert_eq!(store.list("synclogday", None, 1_000, None).await.unwrap().records.len(), 1);
}

pub async fn what_is_old_is_removed_and_nothing_else(place: &Place) {
    let store = &place.store;
    for day in 0..3 {
        noted(store, vec![entry(at(24 * day), "1", "ana", Verdict::Written)]).await;
        noted(store, vec![entry(at(24 * day), "2", "ana", Verdict::Written)]).await;
    }
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    assert_eq!(prune_sync_log(&**store, days(2), at(24 * 2)).await.unwrap(), 0, "not a moment too early");
    assert_eq!(prune(&**store, days(1), at(24 * 2), 1).await.unwrap(), (1, false), "a bounded part");
    assert_eq!(prune_sync_log(&**store, days(1), at(24 * 2 + 1)).await.unwrap(), 1, "after an hour's rest");
    assert_eq!(all(store).await.len(), 4);
    assert_eq!(prune_sync_log(&**store, days(0), at(24 * 9)).await.unwrap(), 4);
    assert!(store.list("synclogday", None, 100, None).await.unwrap().records.is_empty());
}
