//! Handler processes under local hosts, one queue and one store for all, before a Dataverse sandbox that recommends four calls at
//! once and turns the fifth away.
//!
//! What four calls in flight achieve is told in two ways: as calls (the time that four places were taken, of the time that there
//! was; a place is taken for as long as the sandbox has a call), and as events, by one process that is alone and may use all four.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use dataverse_sandbox::{Options, Sandbox, Seed};
use futures_util::future::join_all;
use inevent_d365::{
    functions::{DESK_STORAGE, EVENTS_QUEUE},
    local::host::{self, Host, HostOptions, TimerFolder},
    queue::{
        PutOptions, Queues, SqliteBodies, SqliteQueues,
        envelope::{self, History},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

const AT_ONCE: u64 = 4;
/// Long, so that the cores of a small machine don't bound what is measured.
const LATENCY_MS: u64 = 400;
/// Small for the same reason: a full batch of the default takes many cores' time.
const BATCH: u64 = 100;
const EVENTS: u64 = 3_200;
const PACKED: usize = 4;
/// Between these parts of all events no process runs out of them.
const MEASURED: [u64; 2] = [EVENTS / 8, EVENTS / 2];
const PATIENCE: Duration = Duration::from_secs(180);

/// What a run came to.
#[derive(Debug)]
struct Run {
    events_per_second: f64,
    /// The part of the time of four places that calls took.
    used: f64,
    /// Of all calls, from the start of the processes on.
    turned_away: f64,
}

struct World {
    sandbox: Sandbox,
    folder: TempDir,
    queues: Arc<dyn Queues>,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Crm, ..Default::default() };
        let folder = tempfile::tempdir().unwrap();
        let queues = Arc::new(SqliteQueues::open(folder.path().join("storage.db")).unwrap());
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let world = Self { sandbox, folder, queues, http: reqwest::Client::new() };
        let latency = json!({ "min_ms": LATENCY_MS, "max_ms": LATENCY_MS });
        let limits = json!({ "concurrent": AT_ONCE, "dop_hint": AT_ONCE, "latency": latency });
        world.admin(reqwest::Method::POST, "limits", Some(limits)).await;
        world
    }

    async fn admin(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/{path}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let request = self.http.request(method, url);
        let answer = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap_or_default()
    }

    /// Registrations of as many people, whom the CRM doesn't know.
    async fn fill_queue(&self) {
        let queue = self.queues.queue(EVENTS_QUEUE).unwrap();
        queue.create().await.unwrap();
        let bodies = SqliteBodies::open(self.folder.path().join("storage.db")).unwrap();
        let history = History::new(Timestamp::now(), None);
        let events: Vec<Value> = (0..EVENTS).map(registered).collect();
        for packed in events.chunks(PACKED) {
            envelope::put(&*queue, &bodies, &history, packed, PutOptions::default()).await.unwrap();
        }
    }

    async fn host(&self, number: usize) -> Host {
        let dataverse = self.sandbox.connection();
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("settings.json"), json!({ "version": 1, "pace": { "batch_size": BATCH } }).to_string())
            .unwrap();
        let environment = [
            (DESK_STORAGE, path("storage.db")),
            ("INEVENT_D365_SETTINGS", path("settings.json")),
            ("DATAVERSE_URL", dataverse.http.clone()),
            ("DATAVERSE_TOKEN_URL", dataverse.token_url.clone()),
            ("DATAVERSE_TENANT_ID", dataverse.tenant.clone()),
            ("DATAVERSE_CLIENT_ID", dataverse.client_id.clone()),
            ("DATAVERSE_CLIENT_SECRET", dataverse.client_secret.clone()),
        ];
        let host = host::start(HostOptions {
            executable: Some(env!("CARGO_BIN_EXE_inevent-d365").into()),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
            timers: Arc::new(TimerFolder(self.folder.path().join(format!("timers{number}")))),
            ..HostOptions::new(Path::new(env!("CARGO_MANIFEST_DIR")), self.queues.clone())
        });
        host.await.unwrap()
    }

    async fn rows(&self) -> u64 {
        self.admin(reqwest::Method::GET, "count?table=new_eventattendance", None).await["count"].as_u64().unwrap()
    }

    async fn until(&self, hosts: &[Host], rows: u64) -> u64 {
        let begun = Instant::now();
        loop {
            let count = self.rows().await;
            if count >= rows {
                return count;
            }
            let said = || hosts.iter().flat_map(Host::lines).map(|line| line.text.clone() + "\n").collect::<String>();
            assert!(begun.elapsed() < PATIENCE, "{count} of {rows} rows; the hosts said:\n{}", said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every call that was answered since the last time.
    async fn calls(&self) -> Vec<Value> {
        let log = self.admin(reqwest::Method::GET, "requests", None).await;
        self.admin(reqwest::Method::DELETE, "requests", None).await;
        let all = log["requests"].as_array().unwrap().clone();
        all.into_iter().filter(|call| call["path"].as_str().is_some_and(|path| path.contains("/api/data/"))).collect()
    }
}

fn registered(number: u64) -> Value {
    json!({
        "id": format!("r{number}"), "time": "2026-05-01T09:00:00Z", "kind": "registered",
        "event": { "id": "4711", "name": "Partner Day" },
        "participant": { "id": format!("p{number}"), "email": format!("p{number}@fabrikam.example"), "last_name": "Doe" },
    })
}

/// Lets so many processes write everything.
async fn run(processes: usize) -> Run {
    let world = World::start().await;
    world.fill_queue().await;
    let rows = world.rows().await;
    let hosts = join_all((0..processes).map(|number| world.host(number))).await;
    let mut calls = Vec::new();
    let from = world.until(&hosts, rows + MEASURED[0]).await;
    let begun = Instant::now();
    calls.extend(world.calls().await);
    let to = world.until(&hosts, rows + MEASURED[1]).await;
    let took = begun.elapsed().as_secs_f64();
    let measured = world.calls().await;
    let taken: f64 = measured.iter().map(|call| call["ms"].as_f64().unwrap() / 1e3).sum();
    calls.extend(measured);
    world.until(&hosts, rows + EVENTS).await;
    calls.extend(world.calls().await);
    for host in hosts {
        host.stop().await;
    }
    let turned_away = calls.iter().filter(|call| call["status"] == 429).count();
    Run {
        events_per_second: (to - from) as f64 / took,
        used: taken / took / AT_ONCE as f64,
        turned_away: turned_away as f64 / calls.len() as f64,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_handler_processes_use_what_four_calls_at_once_allow_and_are_hardly_ever_turned_away() {
    let (alone, three) = (run(1).await, run(3).await);
    println!("one process: {alone:?}\nthree processes: {three:?}");
    assert!(alone.used >= 0.7 && three.used >= 0.7);
    assert!(three.events_per_second >= 0.7 * alone.events_per_second);
    assert!(three.turned_away < 0.02);
}
