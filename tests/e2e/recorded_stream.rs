//! A recorded event, told in order and told as badly as can be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use inevent_d365::local::host::{Host, Timing};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crm::{self, Row, text},
    expectation::{self, Expected},
    world::{PATIENCE, World},
};

fn stream() -> Vec<Value> {
    include_str!("stream.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lists of contacts (2) and leads (4), and who is on them in the end: whose rows say so, whatever the order.
const LISTS: [(&str, i64, &str, &str); 3] = [
    ("00000000-0000-4000-8000-00000000a001", 2, "contact_list", "attended"),
    ("00000000-0000-4000-8000-00000000a002", 4, "lead_list", "attended"),
    ("00000000-0000-4000-8000-00000000a003", 4, "lead_list", "registered and not attended"),
];

/// The host of a world whose participants are put on the lists.
async fn host(world: &World) -> Host {
    let rules: Vec<Value> = LISTS
        .iter()
        .map(|(list, _, column, when)| json!({ "name": list, "when": when, (*column): list, "remove": true }))
        .collect();
    world.host_with_settings(&json!({ "version": 1, "defaults": { "list_rules": rules } })).await
}

async fn make_lists(world: &World) {
    for (id, kind, ..) in LISTS {
        let row = json!({ "listid": id, "listname": id, "createdfromcode": kind, "type": false });
        crm::call(world, Method::POST, "lists", row).await;
    }
}

/// Who is on which list.
async fn members(world: &World) -> BTreeSet<(String, String)> {
    let rows = crm::table(world, "listmember").await;
    let id = |row: &Row, column| text(row, column).unwrap().to_owned();
    let members: BTreeSet<_> = rows.iter().map(|row| (id(row, "_listid_value"), id(row, "_entityid_value"))).collect();
    assert_eq!(members.len(), rows.len(), "nobody is on a list twice");
    members
}

async fn told_in_order(world: &World) {
    make_lists(world).await;
    in_order(world, host(world).await, &stream()).await;
}

async fn in_order(world: &World, host: Host, stream: &[Value]) {
    for ten in stream.chunks(10) {
        world.send(&host, &Value::from(ten.to_vec())).await;
        world.drained(&host).await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crm_ends_as_expected() {
    let world = World::start().await;
    let before = crm::dump(&world).await;
    told_in_order(&world).await;
    let after = crm::dump(&world).await;
    assert_eq!(world.given_up().await, (0, 0));

    let me = me(&after, &before);
    let expected = expectation::rows(&stream(), &before, &me);
    let found: expectation::Rows =
        after["new_eventattendance"].iter().map(|row| (key(row), read(row, &after))).collect();
    for (key, expected) in &expected {
        assert_eq!(found.get(key), Some(expected), "participant and session {key:?}");
    }
    assert_eq!(found.len(), expected.len());

    let people = expectation::people(&stream(), &before);
    for ((table, address), expected) in &people {
        let row = after[table.as_str()].iter().find(|row| {
            text(row, "emailaddress1").is_some_and(|email| email.to_lowercase() == *address)
                && row["statecode"] == 0
                && expected.iter().all(|(column, value)| text(row, column) == Some(value))
        });
        assert!(row.is_some(), "no {table} of {address} with {expected:?}");
    }
    let made = after["lead"].len() - before["lead"].len();
    let strangers = people.keys().filter(|(table, address)| {
        let known = |row: &&Row| {
            row["statecode"] == 0 && text(row, "emailaddress1").map(str::to_lowercase).as_ref() == Some(address)
        };
        table == "lead" && !before["lead"].iter().any(|row| known(&row))
    });
    assert_eq!(made, strangers.count());
    assert_eq!(after["contact"].len(), before["contact"].len());
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_doubled_and_killed_it_ends_in_the_same_crm() {
    let calm = World::start().await;
    let timing = Timing { fetch_visibility: Duration::from_secs(3), ..Timing::default() };
    let wild = World::with_queues(|queues| queues, timing).await;
    let ((), (killed, host)) = tokio::join!(told_in_order(&calm), told_wildly(&wild));
    assert!(killed >= 10, "killed only {killed} times");
    assert_eq!(wild.given_up().await, (0, 0));

    // What a process that was killed left to do at the lists the timer does.
    let expected = members(&calm).await;
    assert!(LISTS.iter().all(|(list, ..)| expected.iter().any(|(of, _)| of == list)), "{expected:?}");
    wild.until(&host, "the lists hold the same people", || async { members(&wild).await == expected }).await;
    host.stop().await;

    assert_same(&crm::comparable(&crm::dump(&calm).await), &crm::comparable(&crm::dump(&wild).await));
}

/// People are found by their id, else by their address, and get the id then.
fn keyed() -> Value {
    json!({ "version": 1, "defaults": { "matching": { "keys": ["external_id", "email"] }, "mappings": [
        { "source": { "field": "participant.external_id" }, "column": "new_ineventparticipantid" } ] } })
}

/// The same event, in which everybody states both keys, always the same ones: so nothing about them is first-come.
fn keyed_stream() -> Vec<Value> {
    let (mut stream, mut addresses) = (stream(), BTreeMap::new());
    for person in stream.iter_mut().filter_map(|event| event.get_mut("participant")) {
        let address = addresses.entry(person["id"].to_string()).or_insert_with(|| person["email"].clone()).clone();
        (person["external_id"], person["email"]) = (format!("X-{}", person["id"]).into(), address);
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn two_handlers_that_are_killed_in_turn_find_people_by_several_keys() {
    let calm = World::start().await;
    in_order(&calm, calm.host_with_settings(&keyed()).await, &keyed_stream()).await;

    let timing = Timing { fetch_visibility: Duration::from_secs(3), ..Timing::default() };
    let wild = World::with_queues(|queues| queues, timing).await;
    let mut deliveries = [keyed_stream(), keyed_stream()].concat();
    shuffle(&mut deliveries);
    let mut hosts = [wild.host_with_settings(&keyed()).await, wild.host_with_settings(&keyed()).await];
    for (turn, some) in deliveries.chunks(25).enumerate() {
        let calls = wild.calls().await;
        let [first, second] = &hosts;
        for (at, delivery) in some.iter().enumerate() {
            wild.send(if at % 2 == 0 { first } else { second }, delivery).await;
        }
        let dying = &mut hosts[turn % 2];
        in_the_middle(&wild, dying, calls).await;
        dying.kill_handler().await;
        // Each gives up after its third time, and another one takes over.
        if turn % 6 >= 4 {
            tokio::time::timeout(PATIENCE, dying.stopped()).await.unwrap();
            *dying = wild.host_with_settings(&keyed()).await;
        }
    }
    wild.drained(&hosts[0]).await;
    assert_eq!(wild.given_up().await, (0, 0));
    for host in hosts {
        host.stop().await;
    }

    let (calm, wild) = (crm::dump(&calm).await, crm::dump(&wild).await);
    let named = |row: &&Row| text(row, "new_ineventparticipantid").is_some_and(|id| id.starts_with("X-"));
    let named = |table| calm[table].iter().filter(named).count();
    assert!(named("contact") > 3 && named("lead") > 3, "people of both kinds have their id");
    assert_same(&crm::comparable(&calm), &crm::comparable(&wild));
}

fn assert_same(calm: &BTreeMap<String, Row>, wild: &BTreeMap<String, Row>) {
    for (key, row) in calm {
        assert_eq!(wild.get(key), Some(row), "{key}");
    }
    assert_eq!(wild.len(), calm.len());
}

/// Every event twice, shuffled, one by one, while the handler is killed whenever it has made a few calls more. When the host gives
/// up after the third time, another one takes over, as the platform would see to.
async fn told_wildly(world: &World) -> (u32, Host) {
    make_lists(world).await;
    let mut deliveries = [stream(), stream()].concat();
    shuffle(&mut deliveries);
    let mut deliveries = deliveries.into_iter();
    let mut host = self::host(world).await;
    let mut killed = 0;
    while killed < 10 {
        let calls = world.calls().await;
        for delivery in deliveries.by_ref().take(20) {
            world.send(&host, &delivery).await;
        }
        in_the_middle(world, &host, calls).await;
        host.kill_handler().await;
        killed += 1;
        if killed % 3 == 0 {
            tokio::time::timeout(PATIENCE, host.stopped()).await.unwrap();
            host = self::host(world).await;
        }
    }
    for delivery in deliveries {
        world.send(&host, &delivery).await;
    }
    world.drained(&host).await;
    (killed, host)
}

/// Waits until the handler has begun to write: it has made a call or two, and messages are still waiting.
async fn in_the_middle(world: &World, host: &Host, calls: u64) {
    let wait = async {
        while world.calls().await < calls + 2 && (host.handler_pid().is_none() || world.waiting().await > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

fn shuffle(deliveries: &mut [Value]) {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for last in (1..deliveries.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        deliveries.swap(last, (seed >> 11) as usize % (last + 1));
    }
}

fn key(row: &Row) -> (String, String) {
    let part = |column| text(row, column).unwrap_or_default().to_owned();
    (part("new_participantid"), part("new_sessionid"))
}

/// The owner of a lead that was made.
fn me(after: &BTreeMap<&'static str, Vec<Row>>, before: &BTreeMap<&'static str, Vec<Row>>) -> String {
    let made = after["lead"].iter().find(|row| !before["lead"].iter().any(|known| known["leadid"] == row["leadid"]));
    text(made.unwrap(), "_ownerid_value").unwrap().to_owned()
}

fn read(row: &Row, tables: &BTreeMap<&'static str, Vec<Row>>) -> Expected {
    let id = text(row, "_regardingobjectid_value").unwrap();
    let regarding = ["contact", "lead"].into_iter().find_map(|table| {
        let person = tables[table].iter().find(|person| text(person, &format!("{table}id")) == Some(id))?;
        Some((table.to_owned(), text(person, "emailaddress1").unwrap().to_lowercase()))
    });
    let choice = |column: &str, labels: &[&'static str]| {
        row.get(column).and_then(Value::as_i64).map(|value| labels[(value - 727_000_000) as usize])
    };
    Expected {
        subject: text(row, "subject").unwrap().to_owned(),
        registration: choice("new_registrationstatus", &["Registered", "Cancelled"]).unwrap(),
        attendance: choice("new_attendancestatus", &["Attended", "No show", "Partial"]),
        check_in: text(row, "new_checkintime").map(str::to_owned),
        check_out: text(row, "new_checkouttime").map(str::to_owned),
        score: row.get("new_engagementscore").and_then(Value::as_f64),
        event_name: text(row, "new_eventname").unwrap().to_owned(),
        session_name: text(row, "new_sessionname").map(str::to_owned),
        regarding: regarding.unwrap(),
        owner: text(row, "_ownerid_value").unwrap().to_owned(),
        state: ["open", "completed", "canceled"][row["statecode"].as_i64().unwrap() as usize],
    }
}
