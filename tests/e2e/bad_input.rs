//! Bad input: each has its answer, and none takes a good neighbour along.

use inevent_d365::{
    queue::{AzureBlobBodies, Bodies},
    store::{AzureTableStore, Store},
};
use serde_json::{Value, json};

use crate::{
    crm::{self, text},
    world::{KEY, World},
};

fn good(id: &str) -> Value {
    json!({
        "id": id, "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1", "name": "Breakfast" },
        "participant": { "id": id, "email": format!("{id}@x.example") },
    })
}

/// A good event with one value replaced, or removed.
fn with(path: &str, value: Option<Value>) -> Value {
    let mut event = good("bad");
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_input_has_its_answer() {
    let world = World::start().await;
    let host = world.host().await;
    let bad = [
        ("unknown kind", with("/kind", Some("arrived".into())), "kind", "unknown variant"),
        ("no kind", with("/kind", None), "", "missing field `kind`"),
        (
            "not an email",
            with("/participant/email", Some("nobody".into())),
            "participant.email",
            "is not an e-mail address",
        ),
        ("missing event id", with("/event/id", None), "event", "missing field `id`"),
        ("empty event id", with("/event/id", Some("".into())), "event.id", "must not be empty"),
        ("over-long id", with("/participant/id", Some("x".repeat(101).into())), "participant.id", "longer than 100"),
        ("over-long name", with("/event/name", Some("x".repeat(301).into())), "event.name", "longer than 300"),
        (
            "over-long value",
            with("/participant/first_name", Some("x".repeat(4_001).into())),
            "participant.first_name",
            "longer than 4,000",
        ),
        ("misspelt field", with("/participant/emial", Some("x".into())), "participant.emial", "unknown field"),
        (
            "wrong type",
            with("/participant/first_name", Some(json!({ "secret": "value" }))),
            "participant.first_name",
            "expected a string",
        ),
        ("no participant", with("/participant", None), "participant", "is required"),
        ("time without offset", with("/time", Some("2026-05-01T09:00:00".into())), "time", "RFC 3339"),
        ("time before 1970", with("/time", Some("1969-05-01T09:00:00Z".into())), "time", "1970"),
        ("time ahead", with("/time", Some("2150-05-01T09:00:00Z".into())), "time", "five minutes ahead"),
        ("score without the kind", with("/score", Some(1.into())), "score", "only with the kind scored"),
        ("session kind without session", with("/kind", Some("session_left".into())), "session", "is required"),
    ];
    for (what, event, path, problem) in &bad {
        let answer = world.post(&host, event.to_string()).await.unwrap();
        assert_eq!(answer.status(), 400, "{what}");
        let answer: Value = answer.json().await.unwrap();
        let problems = answer["items"][0]["problems"].as_array().unwrap();
        let named =
            problems.iter().any(|found| found["path"] == *path && found["problem"].as_str().unwrap().contains(problem));
        assert!(named, "{what}: {answer}");
        assert!(!answer.to_string().contains("secret"), "{what}: the answer quotes the value");
    }

    // An array: every bad item is named, and nothing of it is queued.
    let mut array = vec![good("first")];
    array.extend(bad.iter().map(|(_, event, _, _)| event.clone()));
    array.push(good("last"));
    let array = Value::from(array);
    let answer = world.post(&host, array.to_string()).await.unwrap();
    assert_eq!(answer.status(), 400);
    let answer: Value = answer.json().await.unwrap();
    let named: Vec<u64> =
        answer["items"].as_array().unwrap().iter().map(|item| item["index"].as_u64().unwrap()).collect();
    assert_eq!(named, (1..=bad.len() as u64).collect::<Vec<_>>());
    assert_eq!(world.waiting().await, 0);

    // Partly: the good ones are queued, and the answer says so.
    let url = format!("{}/api/events?partial=true", host.url());
    let request = world.http.post(url).header("x-functions-key", KEY).json(&array);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 207);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_array().unwrap().len()), (Some(2), bad.len()));
    world.drained(&host).await;
    let rows = crm::dump(&world).await;
    let participants: Vec<_> =
        rows["new_eventattendance"].iter().map(|row| text(row, "new_participantid").unwrap()).collect();
    assert_eq!(participants.len(), 2);
    assert!(participants.contains(&"first") && participants.contains(&"last"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_request_has_its_status() {
    let world = World::start().await;
    let host = world.host().await;
    let url = format!("{}/api/events", host.url());
    let request = |content_type: &str, body: String| {
        world.http.post(&url).header("x-functions-key", KEY).header("content-type", content_type).body(body)
    };
    let large = format!("[{}]", "1,".repeat(2_600_000));
    for (what, request, status) in [
        ("wrong content type", request("text/plain", good("1").to_string()), 415),
        ("broken JSON", request("application/json", "{".into()), 400),
        ("not an event", request("application/json", "7".into()), 400),
        ("empty array", request("application/json", "[]".into()), 400),
        ("5 MB", request("application/json", large), 413),
        ("no key", world.http.post(&url).header("content-type", "application/json").body(good("1").to_string()), 401),
        ("wrong method", world.http.get(&url).header("x-functions-key", KEY), 404),
        ("utf-8, spelled out", request("application/json; charset=utf-8", good("1").to_string()), 202),
    ] {
        assert_eq!(request.send().await.unwrap().status(), status, "{what}");
    }
    world.drained(&host).await;

    // What no message can carry stands beside the queue, and is gone once it is settled.
    let mut heavy = good("heavy");
    heavy["answers"] = (0..40)
        .map(|n| (format!("Question {n}"), Value::from("é".repeat(3_900))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    world.send(&host, &Value::from(vec![good("2"), heavy, good("3")])).await;
    world.drained(&host).await;
    assert_eq!(crm::dump(&world).await["new_eventattendance"].len(), 4);
    assert_eq!(world.given_up().await, (0, 0));
    let store = AzureTableStore::new(&world.account(), "inevent").unwrap();
    let notes = store.list("settledbody", None, 10, None).await.unwrap().records;
    let [note] = notes.as_slice() else { panic!("one body was settled, not {}", notes.len()) };
    let bodies = AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap();
    assert_eq!(bodies.get(&note.key.row).await.unwrap(), None);
    host.stop().await;
}
