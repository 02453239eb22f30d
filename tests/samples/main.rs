//! What every released version left behind (a settings document, messages, records) is read by this one: an update meets it all.
//!
//! The samples of a version are written once, by the version itself, and stay as they are:
//! `cargo test --test samples -- --ignored`.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use inevent_d365::{
    functions::HYDRATE_QUEUE,
    inevent::decode::{Delivery, decode},
    invite,
    model::ParticipantEvent,
    parked::{Original, Pages},
    queue::envelope::{self, Content, Envelope},
    reconcile::{cursor, jobs},
    settings::{
        Prefix,
        document::{self, InEvent},
    },
    store::{Key, SqliteStore, Store},
    sync::{
        closings,
        lists::{self, Membership},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const SETTINGS: &str = "settings.json";
const MESSAGES: &str = "messages.jsonl";
const BODIES: &str = "bodies.jsonl";
const RECORDS: &str = "records.jsonl";

/// A message as it waits in a queue.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    queue: String,
    text: String,
}

/// A body beside a queue.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    key: String,
    text: String,
}

/// A record of the store.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    kind: String,
    partition: String,
    row: String,
    value: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let versions: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    versions
}

fn lines<T: for<'a> Deserialize<'a>>(version: &Path, file: &str) -> Vec<T> {
    let text = fs::read_to_string(version.join(file)).unwrap();
    let read: Vec<T> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!read.is_empty(), "{}: no {file}", version.display());
    read
}

#[test]
fn this_version_has_samples() {
    let ours = folder().join(env!("CARGO_PKG_VERSION"));
    for file in [SETTINGS, MESSAGES, BODIES, RECORDS] {
        assert!(ours.join(file).is_file(), "no {file} of this version: cargo test --test samples -- --ignored");
    }
}

#[test]
fn settings_of_every_version_are_read() {
    for version in versions() {
        let text = fs::read_to_string(version.join(SETTINGS)).unwrap();
        let read = document::read(&text, &Prefix::default())
            .unwrap_or_else(|error| panic!("{}: {error:?}", version.display()));
        assert!(read.events.contains_key("4711"));
    }
}

#[test]
fn messages_of_every_version_are_read() {
    for version in versions() {
        let bodies: BTreeMap<String, String> =
            lines::<Body>(&version, BODIES).into_iter().map(|body| (body.key, body.text)).collect();
        let (mut queues, mut in_bodies) = (BTreeSet::new(), 0);
        for Message { queue, text } in lines(&version, MESSAGES) {
            let envelope = Envelope::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", version.display()));
            let items: Vec<Value> = match envelope.content {
                Content::Items(items) => items,
                Content::Body(key) => {
                    in_bodies += 1;
                    envelope::read_body(bodies[&key].as_bytes()).unwrap()
                }
            };
            assert!(!items.is_empty());
            for item in items {
                if queue == HYDRATE_QUEUE {
                    let delivery: Delivery = serde_json::from_value(item).unwrap();
                    assert!(!decode(&delivery, &InEvent::default()).unwrap().is_empty());
                } else {
                    serde_json::from_value::<ParticipantEvent>(item).unwrap();
                }
            }
            queues.insert(queue);
        }
        assert!(queues.len() == 3 && in_bodies > 0, "{}: {queues:?}", version.display());
    }
}

#[tokio::test]
async fn records_of_every_version_are_read() {
    for version in versions() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        for record in lines::<Record>(&version, RECORDS) {
            // A piece of something large has its number behind a dot.
            *there.entry(record.kind.clone()).or_default() += usize::from(!record.row.contains('.'));
            let kind: &'static str = Box::leak(record.kind.into_boxed_str());
            store.put(&Key::new(kind, record.partition, record.row), &record.value).await.unwrap();
        }
        let expect = |kind: &str, found: usize| {
            let there = there.get(kind).copied().unwrap_or_default();
            assert!(there > 0 && there == found, "{}: {found} of {there} {kind}", version.display());
        };

        let (mut pages, mut parked) = (Pages::all(&store), Vec::new());
        while let Some(page) = pages.next(Timestamp::now()).await.unwrap() {
            parked.extend(page.found);
        }
        expect("parked", parked.len());
        let mut originals = Vec::new();
        for found in &parked {
            originals.push(found.original(&store).await.unwrap().unwrap());
        }
        assert!(originals.iter().any(|one| matches!(one, Original::Event(_))));
        assert!(originals.iter().any(|one| matches!(one, Original::Raw(text) if text.len() > 30_000)));

        expect("closingwaiting", closings::waiting(&store).await.unwrap().len());
        let closed = closings::load(&store, &BTreeSet::from(["4711"])).await.unwrap();
        assert!(closed.over("4711", None) && there["closing"] > 0);
        let cursor = cursor::load(&store, "4711").await.unwrap();
        assert!(cursor.passed.is_some() && cursor.under_way.is_some() && there["reconcile"] == 1);
        expect("backfill", jobs::all(&store).await.unwrap().len());
        expect("invitation", invite::invitations(&store, None).await.unwrap().len());
        expect("listnote", lists::noted(&store, None).await.unwrap().0.len());
        let memberships = store.list("listmember", None, 100, None).await.unwrap().records;
        let read = memberships.into_iter().filter_map(|one| serde_json::from_value::<Membership>(one.value).ok());
        expect("listmember", read.count());
    }
}
