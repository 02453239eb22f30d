//! The pace of single events: batches, calls at the same time and calls in five minutes of their own, beside events that have none.
//!
//! The events are called `slow` and `quick`. Each call to the CRM but those that read definitions names the one whose it is: in rows,
//! in queries and in the addresses of its participants.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use inevent_d365::{
    model::ParticipantEvent,
    settings::Prefix,
    store::SqliteStore,
    sync::{
        DataverseCrm,
        closings::Closed,
        coalesce::Coalescer,
        current::CurrentSettings,
        engine::{Engine, Scope},
        lists::{DataverseLists, Lists},
        outcome::{Outcome, Postponement, Report},
    },
};
use serde_json::{Value, json};
use warp::{
    Filter,
    http::{HeaderMap, Method, Response, header},
    hyper::body::Bytes,
};

use crate::{
    current::Place,
    world::{World, read},
};

const EVENTS: [&str; 2] = ["slow", "quick"];

/// The calls that write or search, by event; the last are those of no event.
#[derive(Debug, Clone, Default)]
struct Calls {
    in_flight: BTreeMap<Option<&'static str>, usize>,
    most: BTreeMap<Option<&'static str>, usize>,
    made: BTreeMap<Option<&'static str>, usize>,
}

/// Passes on whatever comes to the CRM, and counts.
struct Counter {
    url: String,
    calls: Arc<Mutex<Calls>>,
}

impl Counter {
    async fn start(world: &World) -> Self {
        let (to, http) = (world.sandbox.connection().http.clone(), world.http.clone());
        let calls = Arc::<Mutex<Calls>>::default();
        let counted = calls.clone();
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        let parts = (warp::method(), warp::path::full(), query, warp::header::headers_cloned(), warp::body::bytes());
        let request = parts.0.and(parts.1).and(parts.2).and(parts.3).and(parts.4);
        let answer = request.then(move |method, path: warp::path::FullPath, query: String, headers, body: Bytes| {
            let (http, counted) = (http.clone(), counted.clone());
            let url = format!(
                "{}{}{}{query}",
                to.trim_end_matches('/'),
                path.as_str(),
                ["?", ""][usize::from(query.is_empty())]
            );
            async move {
                let is_read = method == Method::GET;
                let whose = whose(&body);
                if !is_read {
                    let calls = &mut *counted.lock().unwrap();
                    let now = calls.in_flight.entry(whose).or_default();
                    *now += 1;
                    let most = calls.most.entry(whose).or_default();
                    *most = (*most).max(*now);
                    *calls.made.entry(whose).or_default() += 1;
                }
                let answer = passed_on(&http, method, &url, headers, body).await;
                if !is_read {
                    *counted.lock().unwrap().in_flight.get_mut(&whose).unwrap() -= 1;
                }
                answer
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(answer).incoming(listener).run());
        Self { url, calls }
    }

    fn calls(&self) -> Calls {
        self.calls.lock().unwrap().clone()
    }

    fn made(&self, event: Option<&'static str>) -> usize {
        self.calls().made.get(&event).copied().unwrap_or_default()
    }
}

async fn passed_on(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Bytes> {
    headers.remove(header::HOST);
    let answer = http.request(method, url).headers(headers).body(body).send().await.unwrap();
    let mut passed = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != header::TRANSFER_ENCODING) {
        passed = passed.header(name, value);
    }
    passed.body(answer.bytes().await.unwrap()).unwrap()
}

fn whose(body: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(body);
    let named: Vec<&str> = EVENTS.into_iter().filter(|event| text.contains(event)).collect();
    assert!(named.len() < 2, "a call of two events: {text}");
    named.first().copied()
}

/// What is said of a participant of an event.
fn said(event: &str, number: usize, kind: &str) -> ParticipantEvent {
    read(&json!({
        "id": format!("{event}-{number}-{kind}"), "time": "2026-05-01T09:00:00Z", "kind": kind, "event": { "id": event, "name": event },
        "participant": { "id": number.to_string(), "email": format!("p{number}@{event}.example"), "last_name": event },
    }))
}

fn registered(event: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<ParticipantEvent> {
    numbers.into_iter().map(|number| said(event, number, "registered")).collect()
}

/// The events of batches, and how many statements they had.
type Batches = Arc<Mutex<Vec<(Vec<String>, usize)>>>;

/// A process that writes to the CRM, through the counter.
fn process(world: &World, counter: &Counter, place: Arc<Place>) -> (Coalescer, Batches) {
    let (client, store) = (world.client_by(&counter.url), Arc::new(SqliteStore::open(":memory:").unwrap()));
    let lists = Lists::new(Arc::new(DataverseLists::new(client.clone())), store.clone());
    let crm = Arc::new(DataverseCrm::new(client, &Prefix::default()));
    let engine = Engine::new(crm, store, "t".into()).with_settings(CurrentSettings::kept(place)).with_lists(lists);
    let batches = Batches::default();
    let seen = batches.clone();
    let observe = move |_: Scope, report: &Report, _: Duration| {
        seen.lock().unwrap().push((report.about.iter().cloned().collect(), report.outcomes.len()));
    };
    (Coalescer::start(engine, Arc::new(observe)), batches)
}

/// Settings in which rows stay as they were created, so that no call tells of rows by their ids alone.
fn with_paces(slow: Value, quick: Value) -> Value {
    let own = |pace: Value| if pace.is_null() { json!({}) } else { json!({ "pace": pace }) };
    json!({ "version": 1, "defaults": { "leave_open": true }, "events": { "slow": own(slow), "quick": own(quick) } })
}

fn are_settled(outcomes: &[Outcome]) {
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Settled { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn an_event_is_written_in_batches_of_its_own_size_while_another_one_is_in_one() {
    let (world, place) = (World::start(json!({})).await, Place::new());
    let counter = Counter::start(&world).await;
    place.holds(&with_paces(json!({ "batch_size": 2 }), Value::Null));
    let (writer, batches) = process(&world, &counter, place);
    let both =
        registered("slow", 0..5).into_iter().zip(registered("quick", 0..5)).flat_map(|(one, other)| [one, other]);
    are_settled(&writer.submit(Scope::Everything, both.collect()).await.unwrap());
    let sizes = |event: &str| -> Vec<usize> {
        let batches = batches.lock().unwrap();
        batches.iter().filter(|(about, _)| about[..] == [event]).map(|(_, statements)| *statements).collect()
    };
    let mut slow = sizes("slow");
    slow.sort_unstable();
    assert_eq!((slow, sizes("quick")), (vec![1, 2, 2], vec![5]));
    assert_eq!(world.rows("new_eventattendance").await.len(), 10);

    // A message by itself, too.
    batches.lock().unwrap().clear();
    let both = [registered("slow", 5..8), registered("quick", 5..8)].concat();
    are_settled(&writer.alone(Scope::Everything, both).await.unwrap());
    assert_eq!((sizes("slow"), sizes("quick")), (vec![2, 1], vec![3]));
}

#[tokio::test]
async fn an_event_has_one_call_in_flight_while_another_one_has_more() {
    let (world, place) = (World::start(json!({})).await, Place::new());
    let counter = Counter::start(&world).await;
    world.admin("POST", "limits", json!({ "latency": { "min_ms": 20, "max_ms": 20 } })).await;
    place.holds(&with_paces(json!({ "batch_size": 2, "concurrency": 1 }), json!({ "batch_size": 2 })));
    let (writer, _) = process(&world, &counter, place);
    let both = [registered("slow", 0..24), registered("quick", 0..24)].concat();
    are_settled(&writer.submit(Scope::Everything, both).await.unwrap());
    assert_eq!(world.rows("new_eventattendance").await.len(), 48);
    let calls = counter.calls();
    assert_eq!((calls.most.get(&Some("slow")), calls.made.get(&None)), (Some(&1), None), "{calls:?}");
    assert!(calls.most[&Some("quick")] > 1, "{calls:?}");
}

#[tokio::test]
async fn an_event_whose_calls_are_used_up_waits_while_another_one_is_written() {
    let (world, place) = (World::start(json!({})).await, Place::new());
    let counter = Counter::start(&world).await;
    let list = world.add("lists", json!({ "listname": "Here", "createdfromcode": 4, "type": false })).await;
    let mut settings = with_paces(json!({ "requests_per_five_minutes": 100 }), Value::Null);
    settings["events"]["slow"]["list_rules"] = json!([{ "name": "seen", "when": "attended", "lead_list": list }]);
    place.holds(&settings);
    place.time_goes_on(true);
    let (writer, _) = process(&world, &counter, place.clone());
    let one = async |event: ParticipantEvent| {
        let [outcome] = writer.submit(Scope::Everything, vec![event]).await.unwrap().try_into().unwrap();
        outcome
    };

    let begun = Instant::now();
    are_settled(&[one(said("slow", 0, "checked_in")).await]);
    assert_eq!(world.rows("listmember").await.len(), 1);
    // The call that fills the list names nobody's event; it was the event's all the same.
    let (made, of_list) = (counter.made(Some("slow")), counter.made(None));
    assert_eq!(of_list, 1);
    let Outcome::Postponed(Postponement::Paced { wait }) = one(said("slow", 1, "registered")).await else { panic!() };
    // A hundred calls in five minutes, of which a fifth may be made at once: 15 s bring four.
    let paid_back = Duration::from_millis(3_750) * (made + of_list) as u32;
    assert!(
        wait <= paid_back + Duration::from_secs(1) && wait + begun.elapsed() >= paid_back,
        "{wait:?}, {made} calls"
    );

    // It waits alone, whichever batch it comes in, for whatever is done about the event, and without a call.
    let three = [registered("slow", 2..3), registered("quick", 0..1), registered("slow", 3..4)].concat();
    let outcomes = writer.submit(Scope::Everything, three).await.unwrap();
    let is_paced = |outcome: &Outcome| matches!(outcome, Outcome::Postponed(Postponement::Paced { .. }));
    assert!(is_paced(&outcomes[0]) && is_paced(&outcomes[2]), "{outcomes:?}");
    are_settled(&outcomes[1..2]);
    assert!(is_paced(&writer.sweep(&Closed { event: "slow".into(), session: None }).await.unwrap()));
    are_settled(&[one(said("quick", 1, "registered")).await]);
    assert_eq!((counter.made(Some("slow")), counter.made(None)), (made, of_list));

    // Without a pace of its own it goes on.
    place.holds(&with_paces(Value::Null, Value::Null));
    are_settled(&writer.submit(Scope::Everything, registered("slow", 1..4)).await.unwrap());
    assert_eq!(world.rows("new_eventattendance").await.len(), 6);
}

#[tokio::test]
async fn a_list_that_could_not_be_kept_is_completed_at_the_pace_of_each_event() {
    let (world, place) = (World::start(json!({})).await, Place::new());
    let counter = Counter::start(&world).await;
    let list = world.add("lists", json!({ "listname": "Here", "createdfromcode": 4, "type": false })).await;
    let locked = async |locked: bool| {
        world.crm("PATCH", &format!("lists({list})"), json!({ "lockstatus": locked })).await;
    };
    let settings = |slow: Value| {
        let mut settings = with_paces(slow, Value::Null);
        for event in EVENTS {
            let rule = json!({ "name": "seen", "when": "attended", "lead_list": list });
            settings["events"][event]["list_rules"] = json!([rule]);
        }
        settings
    };
    place.holds(&settings(json!({ "requests_per_five_minutes": 100 })));
    place.time_goes_on(true);
    let (writer, _) = process(&world, &counter, place.clone());
    let members = async || world.rows("listmember").await.len();
    locked(true).await;
    let both = EVENTS.map(|event| said(event, 0, "checked_in")).to_vec();
    are_settled(&writer.submit(Scope::Everything, both).await.unwrap());
    assert_eq!(members().await, 0);
    locked(false).await;
    assert_eq!((writer.complete_lists().await, members().await), (Ok((1, 0)), 1), "the other one waits for its pace");
    place.holds(&settings(Value::Null));
    assert_eq!((writer.complete_lists().await, members().await), (Ok((1, 0)), 2));
    assert_eq!(writer.complete_lists().await, Ok((0, 0)));
}
