//! Writes the samples of this version, through the code that writes them in earnest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    time::Duration,
};

use inevent_d365::{
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE, HYDRATE_QUEUE},
    inevent::decode::Delivery,
    invite::{How, Invitation, Link, State as Invited},
    model::{ParticipantEvent, SourceTime},
    parked::{self, Kind, Original, Parked},
    queue::{
        Bodies, PutOptions, Queues, SqliteBodies, SqliteQueues,
        envelope::{self, Content, Envelope, History},
    },
    reconcile::{
        cursor::{self, Cursor, UnderWay},
        jobs::{self, Job},
        schedule::Look,
    },
    settings::document::Target,
    store::{Key, SqliteStore, Store},
    sync::{
        closings::{self, Closed, Conclusion},
        lists::{Claim, Membership, State},
        outcome::Refusal,
    },
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{BODIES, Body, MESSAGES, Message, RECORDS, Record, SETTINGS, folder};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const LIST: Uuid = Uuid::from_u128(0x3f0c_1a52);
const PERSON: Uuid = Uuid::from_u128(0x7001);

fn event(kind: &str, participant: &str) -> ParticipantEvent {
    let value = json!({
        "id": format!("{kind}-{participant}"), "time": "2026-05-01T09:00:00Z", "kind": kind,
        "event": { "id": "4711", "name": "Partner Day", "begin": "2026-06-01T08:00:00Z", "end": "2026-06-01T16:00:00Z" },
        "participant": {
            "id": participant, "email": format!("{participant}@x.example"), "first_name": "Ana", "last_name": "Silva",
            "company": "Contoso", "job_title": "Buyer", "phone": "+49 30 1", "country": "Germany", "external_id": "c-1",
        },
        "answers": { "Budget": "10k", "Days": ["Mon", "Tue"], "Guests": 2 },
    });
    let mut value = value;
    if kind.ends_with("closed") {
        value.as_object_mut().unwrap().retain(|name, _| !["participant", "answers"].contains(&name.as_str()));
    }
    serde_json::from_value(value).unwrap()
}

fn jsonl<T: Serialize>(items: &[T]) -> String {
    items.iter().fold(String::new(), |mut text, item| {
        writeln!(text, "{}", serde_json::to_string(item).unwrap()).unwrap();
        text
    })
}

#[tokio::test]
#[ignore = "writes the samples of this version"]
async fn write_the_samples_of_this_version() {
    let ours = folder().join(env!("CARGO_PKG_VERSION"));
    assert!(!ours.exists(), "what a version wrote stays as it is");
    fs::create_dir_all(&ours).unwrap();
    let settings = json!({
        "version": 1,
        "defaults": { "excluded_domains": ["organiser.example"], "list_rules": [
            { "name": "seen", "when": "attended and score >= 70", "lead_list": LIST, "remove": true },
        ] },
        "events": { "4711": {
            "unmatched": "create_contact", "level": "attendance", "writing": "automatic", "partial": { "below_minutes": 5 },
            "mappings": [{ "source": { "answer": "Budget" }, "column": "new_budget", "mode": "fill_if_empty" }],
            "invitations": { "lists": [LIST], "send": "link", "link": { "contact": "new_link" } },
        } },
        "pace": { "concurrency": 4 },
        "inevent": { "triggers": { "ticket.sold": "event-enrollment" } },
    });
    fs::write(ours.join(SETTINGS), serde_json::to_string_pretty(&settings).unwrap() + "\n").unwrap();

    let now: Timestamp = "2026-05-01T09:00:30Z".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    let (queues, bodies) = (SqliteQueues::open(&file).unwrap(), SqliteBodies::open(&file).unwrap());
    let history = History::new(now, Some(TRACE.to_owned()));
    let mut large = event("registered", "large");
    large.answers.insert("Essay".to_owned(), serde_json::from_value(json!("x".repeat(62_000))).unwrap());
    let delivery = |body: String| {
        let (delivered_to, trigger) = ("main".to_owned(), Some("event-check-in".to_owned()));
        Delivery { delivered_to, trigger, received: now, body }
    };
    let webhook = json!({ "eventID": "4711", "personID": "100", "timestamp": now.as_second() }).to_string();
    let (mut messages, mut kept) = (Vec::new(), Vec::new());
    for (name, history, items) in [
        (EVENTS_QUEUE, history.clone(), vec![json!(event("registered", "1")), json!(event("checked_in", "1"))]),
        (EVENTS_QUEUE, history.clone(), vec![json!(large)]),
        (EVENTS_QUEUE, History::new(now, None).postponed("credentials"), vec![json!(event("event_closed", ""))]),
        (HYDRATE_QUEUE, history.clone(), vec![json!(delivery(webhook))]),
        (ACTIVITIES_QUEUE, history.postponed("transient"), vec![json!(event("scored", "2"))]),
    ] {
        let queue = queues.queue(name).unwrap();
        queue.create().await.unwrap();
        envelope::put(&*queue, &bodies, &history, &items, PutOptions::default()).await.unwrap();
        for message in queue.receive(32, Duration::from_secs(600)).await.unwrap() {
            if let Content::Body(key) = Envelope::parse(&message.text).unwrap().content {
                let text = String::from_utf8(bodies.get(&key).await.unwrap().unwrap()).unwrap();
                kept.push(Body { key, text });
            }
            messages.push(Message { queue: name.to_owned(), text: message.text });
        }
    }
    fs::write(ours.join(MESSAGES), jsonl(&messages)).unwrap();
    fs::write(ours.join(BODIES), jsonl(&kept)).unwrap();

    let store = SqliteStore::open(&file).unwrap();
    records(&store, now).await;
    let mut records = Vec::new();
    for kind in ["parked", "closing", "closingwaiting", "reconcile", "backfill", "listmember", "listnote", "invitation"]
    {
        for found in store.list(kind, None, 1_000, None).await.unwrap().records {
            let (partition, row) = (found.key.partition, found.key.row);
            records.push(Record { kind: kind.to_owned(), partition, row, value: found.value });
        }
    }
    fs::write(ours.join(RECORDS), jsonl(&records)).unwrap();
}

async fn records(store: &SqliteStore, now: Timestamp) {
    let refusal = Refusal { code: Some(0x8004_0203), reason: "The value is wrong.".to_owned() };
    let parked = [
        Parked::refused(event("registered", "3"), refusal, Some("0af7651916cd43dd8448eb211c80319c".to_owned())),
        raw(Kind::Undecoded, "x ".repeat(17_000)),
        raw(Kind::Webhook, json!({ "delivered_to": "main", "received": now, "body": "{}" }).to_string()),
        Parked { original: Original::Event(Box::new(event("registered", "4"))), ..raw(Kind::Poison, String::new()) },
    ];
    for one in &parked {
        parked::park(store, one, now).await.unwrap();
    }
    closings::record(store, &event("event_closed", ""), now, Conclusion::WhenTold).await.unwrap();
    closings::conclude(store, &Closed { event: "4711".to_owned(), session: None }).await.unwrap();
    let begun = SourceTime::new(now).unwrap();
    let under_way = Some(UnderWay { look: Look { since: Some(begun), restate: false }, begun, offset: 200 });
    let cursor = Cursor { passed: Some(now), whole: Some(now), seen: Some(begun), under_way, ..Cursor::default() };
    cursor::save(store, "4711", &cursor).await.unwrap();
    jobs::save(store, &Job::new("4711".to_owned(), Some(begun), true, now)).await.unwrap();
    let claim = Claim { event: "4711".to_owned(), rule: "seen".to_owned(), participant: "1".to_owned() };
    let membership = Membership { state: State::Added, claims: BTreeSet::from([claim]), calls: BTreeMap::new() };
    let put = async |key: Key, value: Value| {
        store.put(&key, &value).await.unwrap();
    };
    put(Key::new("listmember", LIST.to_string(), PERSON.to_string()), json!(membership)).await;
    let note = json!({ "at": now, "participants": [["4711", "1"]], "list": LIST });
    put(Key::new("listnote", "e4711", "e1"), note).await;
    let invitation = Invitation {
        event: "4711".to_owned(),
        list: LIST,
        table: Target::Contact,
        person: PERSON,
        how: How::Invite,
        state: Invited::Invited,
        at: now,
        participant: Some("100".to_owned()),
        status: None,
        link: Link::Kept,
    };
    put(Key::new("invitation", "4711", "a1b2c3d4e5f60718"), json!(invitation)).await;
}

fn raw(kind: Kind, text: String) -> Parked {
    Parked { kind, code: None, reason: "it is a sample".to_owned(), trace_id: None, original: Original::Raw(text) }
}
