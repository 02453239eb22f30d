//! Nobody gets two mails, whatever dies when.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use inevent_d365::invite::{self, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    crm::{list, named},
    gate::{Gate, Invites},
    world::{EVENT, World, run, settings, until_abandoned},
};

pub async fn people(world: &World, many: usize) -> (Vec<String>, String) {
    let names: Vec<String> = (0..many).map(|number| format!("p{number:02}")).collect();
    let mut ids = Vec::new();
    for name in &names {
        ids.push(named(world, name).await);
    }
    let list = list(world, 2, &ids).await;
    (names.iter().map(|name| format!("{name}@x.example")).collect(), list)
}

#[tokio::test(flavor = "multi_thread")]
async fn four_at_once_send_one_mail_each_and_keep_the_pace() {
    let world = World::start().await;
    let (expected, list) = people(&world, 40).await;
    let settings = settings(json!({ "lists": [list] }));
    let inviters = [(); 4].map(|()| world.inviter());
    let reports = join_all(inviters.iter().map(|inviter| run(inviter, &settings))).await;
    assert_eq!(reports.iter().map(|report| report.sent).sum::<u64>(), 40, "{reports:?}");
    assert_eq!(world.mailed().await, expected);
    let (highest, _) = world.pace().await;
    assert!(highest <= 10, "{highest} calls in a second");
    assert!(world.states().await.iter().all(|state| *state == State::Invited));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_executed_and_never_answered_are_not_repeated() {
    let world = World::start().await;
    let (expected, list) = people(&world, 6).await;
    let settings = settings(json!({ "lists": [list] }));
    // The connection is cut after the call was carried out, twice; and before, twice.
    for kind in ["reset_after", "reset_before"] {
        world.inevent("POST", "faults", json!({ "kind": kind, "match": "event.invite.create", "count": 2 })).await;
    }
    run(&world.inviter(), &settings).await;
    let open = world.states().await.iter().filter(|state| **state == State::Intended).count();
    assert_eq!(open, 4, "{:?}", world.states().await);
    until_abandoned(&world).await;
    let report = run(&world.inviter(), &settings).await;
    assert_eq!(report.lists[0].counts.left, 0, "{report:?}");
    assert_eq!(world.mailed().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_before_the_call_or_after_it_leaves_one_mail() {
    for (held, by_then) in [(Invites::HeldBefore, 0), (Invites::HeldAfter, 1)] {
        let world = World::start().await;
        let (expected, list) = people(&world, 1).await;
        let settings = settings(json!({ "lists": [list] }));
        let gate = Gate::before(&world).await;
        gate.invites(held);
        let (dying, _) = world.inviter_at(&gate.url);
        let under_way = {
            let settings = settings.clone();
            tokio::spawn(async move { run(&dying, &settings).await })
        };
        gate.held().await;
        under_way.abort();
        assert!(under_way.await.unwrap_err().is_cancelled());
        assert_eq!((world.mailed().await.len(), world.states().await), (by_then, vec![State::Intended]));

        // Whoever comes at once leaves it to the one that may still be at it.
        let report = run(&world.patient(), &settings).await;
        assert_eq!((report.sent, report.lists[0].counts.left), (0, 1));
        until_abandoned(&world).await;
        run(&world.inviter(), &settings).await;
        assert_eq!(world.mailed().await, expected, "{held:?}");
        assert_eq!(world.states().await, [State::Invited]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_that_find_an_abandoned_invitation_repeat_it_once() {
    let world = World::start().await;
    let (expected, list) = people(&world, 8).await;
    let settings = settings(json!({ "lists": [list] }));
    world
        .inevent("POST", "faults", json!({ "kind": "reset_before", "match": "event.invite.create", "count": 4 }))
        .await;
    run(&world.inviter(), &settings).await;
    until_abandoned(&world).await;
    let inviters = [(); 4].map(|()| world.inviter());
    join_all(inviters.iter().map(|inviter| run(inviter, &settings))).await;
    assert_eq!(world.mailed().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_inevent_cannot_tell_a_person_decides() {
    let world = World::start().await;
    let (_, list) = people(&world, 2).await;
    let settings = settings(json!({ "lists": [list] }));
    let gate = Gate::before(&world).await;
    gate.blind(true);
    gate.invites(Invites::AnswerLost);
    let (inviter, _) = world.inviter_at(&gate.url);
    run(&inviter, &settings).await;
    until_abandoned(&world).await;
    let report = run(&inviter, &settings).await;
    assert_eq!((report.undecided, report.lists[0].counts.left), (2, 0), "{report:?}");
    assert_eq!(world.states().await, [State::Undecided, State::Undecided]);
    // Nothing is repeated, however often it is looked at.
    gate.invites(Invites::Pass);
    run(&inviter, &settings).await;
    assert_eq!(world.mailed().await.len(), 2);

    let [first, second] = &world.remembered().await[..] else { panic!() };
    let found = invite::find(&*world.store, &first.id()[..8]).await.unwrap();
    invite::resolve(&*world.store, found, true, Timestamp::now()).await.unwrap();
    assert!(
        invite::resolve(&*world.store, world.remembered().await[0].clone(), false, Timestamp::now()).await.is_err()
    );
    invite::resolve(&*world.store, second.clone(), false, Timestamp::now()).await.unwrap();
    run(&inviter, &settings).await;
    // That one was said not to have gone out, so it went out once more: a person's word.
    assert_eq!(world.mailed().await.len(), 3);
    let states: BTreeSet<String> = world.states().await.iter().map(|state| format!("{state:?}")).collect();
    assert_eq!(states, ["Confirmed", "Invited"].map(String::from).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_inevent_had_is_found_and_one_that_it_refuses_is_not_repeated() {
    let world = World::start().await;
    let (_, list) = people(&world, 1).await;
    let gate = Gate::before(&world).await;
    gate.blind(true);
    world.in_inevent("event.invite.create", &[("email", "p00@x.example")]).await;
    world.inevent("POST", "variants", json!({ "second_invite": "refused" })).await;
    let (inviter, _) = world.inviter_at(&gate.url);
    run(&inviter, &settings(json!({ "lists": [list] }))).await;
    assert_eq!(world.states().await, [State::Refused]);
    let report = run(&inviter, &settings(json!({ "lists": [list], "max_per_run": 5 }))).await;
    assert_eq!((report.sent, report.lists[0].counts.skipped.len()), (0, 1));
    assert_eq!(world.mailed().await.len(), 1);
    // With its list of invitations InEvent says why, before it is asked for another one.
    invite::resolve(&*world.store, world.remembered().await[0].clone(), false, Timestamp::now()).await.unwrap();
    run(&world.inviter(), &settings(json!({ "lists": [list] }))).await;
    assert_eq!(world.states().await, [State::Found]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_early_is_gone_on_with() {
    let world = World::start().await;
    let (expected, list) = people(&world, 7).await;
    let settings = settings(json!({ "lists": [list], "max_per_run": 3 }));
    let inviter = world.inviter();
    for sent in [3, 3, 1, 0] {
        let report = run(&inviter, &settings).await;
        assert_eq!((report.sent, report.stopped.is_some()), (sent, sent == 3), "{report:?}");
    }
    assert_eq!(world.mailed().await, expected);
    let pass = &invite::passes(&*world.store, Some(EVENT)).await.unwrap()[0];
    assert_eq!((pass.counts.invited, pass.counts.members, pass.counts.left), (7, 7, 0));
    let over = invite::Run { ends: std::time::Instant::now(), dry: false };
    let later = crate::crm::named(&world, "later").await;
    crate::crm::join(&world, &list, 2, &[later]).await;
    let report = inviter.run(EVENT, &settings, over).await.unwrap();
    assert!(report.sent == 0 && report.stopped.unwrap().contains("time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_leaves_nothing_open() {
    let world = World::start().await;
    let (expected, list) = people(&world, 3).await;
    let settings = settings(json!({ "lists": [list] }));
    world
        .inevent("POST", "faults", json!({ "kind": "unauthorized", "match": "event.invite.create", "count": 20 }))
        .await;
    let report = run(&world.inviter(), &settings).await;
    assert!(report.stopped.unwrap().contains("INEVENT_TOKEN"));
    assert!(world.remembered().await.is_empty());
    world.inevent("DELETE", "faults", Value::Null).await;
    run(&world.inviter(), &settings).await;
    assert_eq!(world.mailed().await, expected);
    let at = world.remembered().await[0].invitation.at;
    assert!(Timestamp::now().duration_since(at) < SignedDuration::from_mins(5));
}
