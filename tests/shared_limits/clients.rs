//! Their clients, as three processes have them, and a server that turns away whoever comes as the fifth.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use inevent_d365::{
    dataverse::{Client, ClientOptions, TokenError, TokenSource},
    store::{SqliteStore, Store},
    sync::writers::Writers,
};
use jiff::Timestamp;
use warp::{Filter, Reply, http::StatusCode};

const AT_ONCE: usize = 4;
const LATENCY: Duration = Duration::from_millis(50);
const MEASURED: Duration = Duration::from_secs(12);

#[derive(Debug, Default)]
struct Server {
    in_flight: AtomicUsize,
    answered: AtomicUsize,
    turned_away: AtomicUsize,
}

impl Server {
    async fn answer(self: Arc<Self>) -> warp::reply::Response {
        if self.in_flight.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            self.turned_away.fetch_add(1, Ordering::SeqCst);
            let error =
                r#"{"error":{"code":"0x80072326","message":"Number of concurrent requests exceeded the limit of 4."}}"#;
            let answer = warp::reply::with_status(error, StatusCode::TOO_MANY_REQUESTS);
            return warp::reply::with_header(answer, "retry-after", "1").into_response();
        }
        tokio::time::sleep(LATENCY).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.answered.fetch_add(1, Ordering::SeqCst);
        let nil = uuid::Uuid::nil();
        let me = format!(r#"{{"UserId":"{nil}","BusinessUnitId":"{nil}","OrganizationId":"{nil}"}}"#);
        warp::reply::with_header(me, "x-ms-dop-hint", AT_ONCE.to_string()).into_response()
    }
}

#[derive(Debug)]
struct AnyToken;

#[async_trait]
impl TokenSource for AnyToken {
    async fn token(&self) -> Result<secrecy::SecretString, TokenError> {
        Ok("token".into())
    }

    async fn forget(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_use_what_four_calls_at_once_allow_and_are_hardly_ever_turned_away() {
    let server = Arc::new(Server::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = {
        let server = server.clone();
        warp::any().then(move || server.clone().answer())
    };
    tokio::spawn(warp::serve(answer).incoming(listener).run());
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path().join("db")).unwrap());

    let begun = Instant::now();
    let process = || async {
        let client = Client::new(reqwest::Client::new(), Arc::new(AnyToken), ClientOptions::new(&url));
        let writers = Writers::new(store.clone());
        let worker = || async {
            while begun.elapsed() < MEASURED {
                if let Some(share) = writers.beat(Timestamp::now()).await.unwrap() {
                    client.share(share);
                }
                let _ = client.who_am_i().await;
            }
        };
        join_all((0..8).map(|_| worker())).await;
    };
    join_all((0..3).map(|_| process())).await;

    let whole = AT_ONCE as f64 * begun.elapsed().as_secs_f64() / LATENCY.as_secs_f64();
    let (answered, turned_away) = (server.answered.load(Ordering::SeqCst), server.turned_away.load(Ordering::SeqCst));
    let used = answered as f64 / whole;
    let refused = turned_away as f64 / (answered + turned_away) as f64;
    println!(
        "{answered} calls, {:.0} % of what four at once achieve, {:.1} % turned away",
        used * 100.0,
        refused * 100.0
    );
    assert!(used >= 0.7, "{used}");
    assert!(refused < 0.02, "{refused}");
}
