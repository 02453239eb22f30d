//! Four processes that are killed while they invite: nobody gets two mails, and everybody gets one.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use inevent_d365::{
    inevent,
    invite::{InviteError, State},
    store::SqliteStore,
};
use serde_json::{Value, json};

use crate::{
    once::people,
    world::{EVENT, Surroundings, World, long, settings},
};

const PROCESSES: usize = 4;
const KILLED: usize = 6;
const PEOPLE: usize = 36;
const PATIENCE: Duration = Duration::from_secs(300);

/// What a process is told by this variable: surroundings, file of the store, list.
const TOLD: &str = "INVITER";

/// One of the processes: it invites until nobody is left.
#[test]
#[ignore = "the test below starts it as a process"]
fn a_process_that_invites() {
    let told: Value = serde_json::from_str(&std::env::var(TOLD).unwrap()).unwrap();
    let surroundings: Surroundings = serde_json::from_value(told["surroundings"].clone()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(told["store"].as_str().unwrap()).unwrap());
        let (inviter, _) = surroundings.inviter(store);
        let settings = settings(json!({ "lists": [told["list"]] }));
        loop {
            match inviter.run(EVENT, &settings, long()).await {
                Ok(report) if report.stopped.is_none() && report.lists.iter().all(|list| list.counts.left == 0) => {
                    return;
                }
                // The others had the token for as long as it would wait: the timer starts the next run then, too.
                Ok(_) | Err(InviteError::InEvent(inevent::Error::Busy)) => {}
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

fn start(told: &Value) -> Child {
    let program = std::env::current_exe().unwrap();
    let named = ["--exact", "processes::a_process_that_invites", "--ignored", "--nocapture"];
    Command::new(program).args(named).env(TOLD, told.to_string()).stdout(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_of_which_one_after_the_other_is_killed_send_one_mail_each_and_keep_the_pace() {
    let world = World::start().await;
    let (expected, list) = people(&world, PEOPLE).await;
    // Executed at once, answered later: whoever is killed meanwhile does not know.
    let slow = json!({ "kind": "slow", "match": "event.invite.create", "ms": 200, "count": 1_000_000 });
    world.inevent("POST", "faults", slow).await;
    let surroundings = world.surroundings(&world.standin.connection().url, 8_000, 9_000);
    let told = json!({ "surroundings": surroundings, "store": world.store_file(), "list": list });
    let mut processes: Vec<Child> = (0..PROCESSES).map(|_| start(&told)).collect();

    let began = Instant::now();
    let (mut seen, mut nobody_knows) = (0, 0);
    for turn in 0..KILLED {
        // Somebody is at it: mails have gone out since the last one was killed.
        loop {
            let mailed = world.mailed().await.len();
            if mailed >= PEOPLE || mailed > seen + 2 {
                seen = mailed;
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{mailed} mails, {:?}", world.states().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The one that holds the turn of calling is known by nothing but its calls, so each is killed in turn.
        let dying = &mut processes[turn % PROCESSES];
        dying.kill().unwrap();
        dying.wait().unwrap();
        let invited = world.states().await.iter().filter(|state| **state != State::Intended).count();
        nobody_knows += world.mailed().await.len().saturating_sub(invited);
        processes[turn % PROCESSES] = start(&told);
    }
    for process in &mut processes {
        loop {
            match process.try_wait().unwrap() {
                Some(ended) => break assert!(ended.success()),
                None => assert!(began.elapsed() < PATIENCE, "{:?}", world.states().await),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(world.mailed().await, expected);
    let (highest, calls) = world.pace().await;
    assert!(highest <= 10, "{highest} calls in a second of {calls}");
    assert!(nobody_knows > 0, "no process was killed between a call and its answer");
    let states = world.states().await;
    assert!(states.iter().all(|state| matches!(state, State::Invited | State::Found | State::Confirmed)), "{states:?}");
}
