//! The coalescer as it runs in a process: invocations come together, several batches are under way, and no two calls write the same
//! row.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use inevent_d365::{
    model::{Kind, ParticipantEvent},
    sync::{
        coalesce::Coalescer,
        current::CurrentSettings,
        engine::{Engine, Scope},
        outcome::{Outcome, Report},
    },
};

use crate::{crm::MemoryCrm, histories, ordered, processes::Chance, settings::Fixed, store::MemoryStore};

const SETTINGS: &str = r#"{ "defaults": { MATCHING }, "pace": { "batch_size": 8 } }"#;

/// Sixty participants of one event, of whom some share an address, and of each of whom several things are said.
fn many() -> Vec<ParticipantEvent> {
    let kinds = [Kind::Registered, Kind::CheckedIn, Kind::Scored, Kind::CheckedOut];
    let statements = (0..60).flat_map(|number| kinds.into_iter().enumerate().map(move |(at, kind)| (number, at, kind)));
    statements
        .map(|(number, at, kind)| {
            let mut event = histories::statement(kind, 10 + at as i64, 0, number, 0, None);
            event.id = format!("{number}-{at}");
            event.score = (kind == Kind::Scored).then_some(number as f64);
            event.participant.as_mut().unwrap().email = Some(format!("person{}@x.example", number % 50));
            event
        })
        .collect()
}

/// The statements in another order, a few in each invocation.
fn invocations(seed: u64, events: &[ParticipantEvent]) -> Vec<Vec<ParticipantEvent>> {
    let (mut chance, mut events) = (Chance::new(seed), events.to_vec());
    for last in (1..events.len()).rev() {
        events.swap(last, chance.below(last + 1));
    }
    let mut invocations = Vec::new();
    while !events.is_empty() {
        let size = (1 + chance.below(5)).min(events.len());
        invocations.push(events.split_off(events.len() - size));
    }
    invocations
}

#[tokio::test]
async fn batches_beside_each_other_end_like_statements_in_order() {
    let events = many();
    // Outside the runtime, which would make it pause where only this test could go on.
    let ordered = {
        let events = events.clone();
        move || ordered(&events, SETTINGS).rows(false)
    };
    let expected = tokio::task::spawn_blocking(ordered).await.unwrap();
    for seed in [0x5eed, 0xbeef, 0xcafe, 0xf00d] {
        let crm = MemoryCrm::seeded().for_process(8);
        let settings = CurrentSettings::kept(Arc::new(Fixed(SETTINGS)));
        let engine = Engine::new(Arc::new(crm.clone()), Arc::new(MemoryStore::default()), "t".into());
        let coalescer = Coalescer::start(engine.with_settings(settings), Arc::new(|_, _, _| {}));
        let submitted =
            invocations(seed, &events).into_iter().map(|events| coalescer.submit(Scope::Everything, events));
        for outcomes in join_all(submitted).await {
            assert!(outcomes.unwrap().iter().all(|outcome| matches!(outcome, Outcome::Settled { .. })));
        }
        assert_eq!(crm.rows(false), expected);
        assert!(crm.most_calls() > 1, "one batch at a time, with room for eight calls");
        let alone = coalescer.alone(Scope::Everything, events.clone()).await.unwrap();
        assert!(alone.iter().all(|outcome| *outcome == Outcome::Settled { changed: false }));
    }
}

/// The host hands over 256 messages at once, and the next as soon as one is done. Here each carries one event, as none does that comes
/// faster than the queue takes messages. Of ten participants five are contacts, one is a lead, and four are unknown.
#[tokio::test]
async fn events_that_are_handed_over_one_by_one_cost_at_most_two_calls_a_hundred() {
    const EVENTS: usize = 2_560;
    let crm = MemoryCrm::seeded().for_process(8);
    let known = (0..EVENTS).filter(|number| number % 10 < 6);
    for number in known {
        let table = if number % 10 == 5 { "lead" } else { "contact" };
        crm.add(table, 10_000 + number as u128, &format!("person{number}@x.example"), 0);
    }
    let events = (0..EVENTS).map(|number| {
        let mut event = histories::statement(Kind::Registered, 10, 0, number, 0, None);
        event.id = number.to_string();
        let person = event.participant.as_mut().unwrap();
        person.email = Some(format!("person{number}@x.example"));
        person.job_title = Some("Engineer".into());
        event
    });
    let waiting = Mutex::new(events.collect::<Vec<_>>());
    let engine = Engine::new(Arc::new(crm.clone()), Arc::new(MemoryStore::default()), "t".into());
    let batches = Arc::new(Mutex::new(Vec::new()));
    let (seen, counted) = (batches.clone(), crm.clone());
    let observe = move |_, report: &Report, _| seen.lock().unwrap().push((report.outcomes.len(), counted.calls()));
    let coalescer = Coalescer::start(engine, Arc::new(observe));
    let invocations = (0..256).map(|_| async {
        while let Some(event) = { waiting.lock().unwrap().pop() } {
            let outcomes = coalescer.submit(Scope::Everything, vec![event]).await.unwrap();
            assert_eq!(outcomes, [Outcome::Settled { changed: true }]);
        }
    });
    join_all(invocations).await;
    // The first batch begins before all are there, and the last has what is left.
    let batches = batches.lock().unwrap();
    let [(_, before), saturated @ .., _] = &batches[..] else { panic!("{batches:?}") };
    let events: usize = saturated.iter().map(|(events, _)| events).sum();
    let each = (saturated.last().unwrap().1 - before) as f64 / events as f64;
    assert!(each <= 0.02, "{each} calls an event, in batches of {batches:?}");
}
