//! What is told to others, how it looks, and how it fares.

use serde_json::json;

use crate::receiver::Receiver;
use crate::world::{BUDGET, EVENT, KEYNOTE, World};

#[tokio::test]
async fn a_life_is_told_in_order() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let types = [
        "event_enrollment",
        "event_enrollment_update",
        "activity_enrollment",
        "event_check_in",
        "activity_check_in",
        "activity_check_out",
        "event_check_out",
        "activity_dismissal",
        "event_dismissal",
        "event_edited",
        "activity_created",
        "activity_edited",
        "activity_removed",
        "speaker_created",
        "speaker_edited",
        "speaker_removed",
        "end_of_event",
    ];
    receiver.register(&world, &types).await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let key = [("eventID", EVENT), ("personID", &id), ("key", "role")];
    world.post("event.person.operate", &key, &[("value", "CTO")]).await;
    let session = [("activityID", KEYNOTE), ("personID", id.as_str())];
    world.get("activity.person.bind", &session).await;
    let (event, activity) = ([("eventID", EVENT), ("code", id.as_str())], ("activityID", KEYNOTE));
    world.get("checklog.checkIn", &[&event[..], &[("date", "1700000000")]].concat()).await;
    world.get("checklog.checkIn", &[&event[..], &[activity]].concat()).await;
    world.get("checklog.checkOut", &[&event[..], &[activity]].concat()).await;
    world.get("checklog.checkOut", &event).await;
    world.get("activity.person.dismiss", &session).await;
    world.of_person("event.person.dismiss", &id).await;
    let panel = world.post("activity.create", &[("eventID", EVENT)], &[("name", "Panel")]).await.first("activityID");
    world.post("activity.edit", &[("activityID", &panel), ("key", "name")], &[("value", "Forum")]).await;
    world.get("activity.remove", &[("activityID", &panel)]).await;
    world.post("event.edit", &[("eventID", EVENT), ("key", "city")], &[("value", "Lisbon")]).await;
    let body = [("name", "Bo"), ("username", "bo@contoso.example"), ("createSpeaker", "1")];
    let bo = world.post("event.person.bind", &[("eventID", EVENT)], &body).await.first("personID");
    world
        .post("event.person.operate", &[("eventID", EVENT), ("personID", &bo), ("key", "role")], &[("value", "X")])
        .await;
    world.of_person("event.person.dismiss", &bo).await;
    world.advance(60 * 86_400).await;
    let expected = [
        "event_enrollment",
        "event_enrollment_update",
        "activity_enrollment",
        "event_check_in",
        "activity_check_in",
        "activity_check_out",
        "event_check_out",
        "activity_dismissal",
        "event_dismissal",
        "activity_created",
        "activity_edited",
        "activity_removed",
        "event_edited",
        "event_enrollment",
        "speaker_created",
        "event_enrollment_update",
        "speaker_edited",
        "event_dismissal",
        "speaker_removed",
        "end_of_event",
    ];
    assert_eq!(receiver.types(&world).await, expected);
    world.advance(1).await;
    assert_eq!(receiver.types(&world).await.len(), expected.len(), "an event ends once");
    assert_eq!(receiver.bodies(&world).await[3]["date"], "1700000000");
    let body = &receiver.bodies(&world).await[2];
    assert_eq!(
        (&body["eventID"], &body["personID"], &body["activityID"]),
        (&json!(EVENT), &json!(id), &json!(KEYNOTE))
    );
}

#[tokio::test]
async fn a_company_is_told_of_every_event() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    for kind in ["event_created", "event_edited"] {
        let body = [("type", kind), ("url", receiver.url.as_str())];
        world.post("webhook.create", &[("companyID", "100")], &body).await;
    }
    let new = world.post("company.event.bind", &[("companyID", "100")], &[("name", "New")]).await.first("eventID");
    world.post("event.edit", &[("eventID", EVENT), ("key", "name")], &[("value", "Day")]).await;
    let bodies = receiver.bodies(&world).await;
    assert_eq!((&bodies[0]["eventID"], &bodies[1]["eventID"]), (&json!(new), &json!(EVENT)));
}

#[tokio::test]
async fn what_is_not_in_the_catalogue_is_not_told() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.register(&world, &["event_enrollment", "event_enrollment_update", "activity_enrollment"]).await;
    let body = [("name", "Ana"), ("email", "ana@contoso.example")];
    let ana = world.post("event.applicant.bind", &[("eventID", EVENT)], &body).await.first("personID");
    world.of_person("event.applicant.reject", &ana).await;
    world.post("event.invite.create", &[("eventID", EVENT)], &[("email", "bo@contoso.example")]).await;
    assert_eq!(receiver.types(&world).await, Vec::<String>::new());
    world.of_person("event.applicant.approve", &ana).await;
    let bypassing = [("activityID", KEYNOTE), ("personID", ana.as_str()), ("bypassWebhook", "1")];
    world.get("activity.person.bind", &bypassing).await;
    assert_eq!(receiver.types(&world).await, ["event_enrollment"]);
}

#[tokio::test]
async fn bodies_have_every_shape_that_is_thought_of() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.register(&world, &["event_enrollment_update"]).await;
    let body = [("name", "Ana Silva"), ("username", "ana@contoso.example"), (BUDGET, "10k & more")];
    let id = world.post("event.person.bind", &[("eventID", EVENT)], &body).await.first("personID");
    let key = [("eventID", EVENT), ("personID", &id), ("key", "role")];
    let person = async |settings: serde_json::Value| {
        assert_eq!(world.admin("POST", "webhooks", settings).await.status, 200);
        world.post("event.person.operate", &key, &[("value", "CTO")]).await;
        receiver.all(&world).await.pop().unwrap()
    };
    let read = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();

    let (kind, thin) = person(json!({ "body": "thin" })).await;
    assert_eq!((kind.as_str(), read(&thin)["personID"].as_str()), ("application/json", Some(id.as_str())));
    assert_eq!(read(&thin).get("email"), None);
    let rich = read(&person(json!({ "body": "rich" })).await.1);
    let got = world.person(&id).await;
    for (name, value) in got.as_object().unwrap() {
        assert_eq!(&rich[name], value, "{name}");
    }
    assert_eq!(rich[BUDGET], "10k & more");
    let nested = read(&person(json!({ "body": "nested", "data_key": "Data", "ids_as_numbers": true })).await.1);
    assert_eq!((&nested["Data"]["personID"].to_string(), &nested["Data"]["role"]), (&id, &json!("CTO")));
    let (kind, form) = person(json!({ "body": "form" })).await;
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert!(form.contains(&format!("personID={id}")) && form.contains(&format!("{BUDGET}=10k%20%26%20more")), "{form}");
    let silent = json!({ "type_field": "", "types": { "event_enrollment_update": "person.changed" } });
    assert_eq!(read(&person(silent).await.1).get("type"), None);
    let named = json!({ "type_field": "action", "types": { "event_enrollment_update": "person.changed" } });
    assert_eq!(read(&person(named).await.1)["action"], "person.changed");
    assert_eq!(world.get("webhook.find", &[("eventID", EVENT)]).await.first("type"), "person.changed");
}

#[tokio::test]
async fn deliveries_get_lost_doubled_and_shuffled_the_same_way_each_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (world, receiver) = (World::start().await, Receiver::start().await);
        receiver.register(&world, &["event_enrollment"]).await;
        world.admin("POST", "webhooks", json!({ "loss": 0.3, "duplication": 0.3, "shuffle_ms": 200, "seed": 7 })).await;
        let wanted = json!({ "eventID": 4711, "count": 100, "webhooks": true });
        world.admin("POST", "people", wanted).await;
        let ids: Vec<u64> = receiver
            .bodies(&world)
            .await
            .iter()
            .map(|body| body["personID"].as_str().unwrap().parse().unwrap())
            .collect();
        let counts = world.admin("GET", "deliveries", json!(null)).await.json()["counts"].clone();
        let (lost, doubled) = (counts["lost"].as_u64().unwrap(), counts["duplicated"].as_u64().unwrap());
        assert!((10..60).contains(&lost) && (5..60).contains(&doubled), "{counts}");
        assert_eq!(ids.len() as u64, 100 - lost + doubled);
        assert!(!ids.is_sorted(), "shuffled");
        let mut sorted = ids;
        sorted.sort_unstable();
        runs.push(sorted);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn deliveries_wait_and_give_up_as_was_ordered() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.register(&world, &["event_enrollment"]).await;
    world.admin("POST", "webhooks", json!({ "delay_ms": 80 })).await;
    let begun = std::time::Instant::now();
    world.register("Ana", "ana@contoso.example").await;
    assert_eq!(receiver.all(&world).await.len(), 1);
    assert!(begun.elapsed().as_millis() >= 80);

    // Nobody accepts here, so nobody answers either.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    world.post("webhook.create", &[("companyID", "100")], &[("type", "event_created"), ("url", &url)]).await;
    world.admin("POST", "webhooks", json!({ "timeout_ms": 50, "parallel": 2 })).await;
    world.post("company.event.bind", &[("companyID", "100")], &[("name", "New")]).await;
    receiver.all(&world).await;
    let deliveries = world.admin("GET", "deliveries", json!(null)).await.json();
    assert_eq!((&deliveries["counts"]["failed"], &deliveries["deliveries"][1]["status"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_only_if_that_is_wanted_and_stands_in_the_log() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.register(&world, &["event_enrollment"]).await;
    receiver.fail(1);
    world.register("Ana", "ana@contoso.example").await;
    assert_eq!(receiver.all(&world).await.len(), 1);
    world.admin("POST", "webhooks", json!({ "retries": 2, "retry_ms": 1 })).await;
    receiver.fail(2);
    world.register("Bo", "bo@contoso.example").await;
    assert_eq!(receiver.all(&world).await.len(), 4);
    let log = world.get("webhook.log.find", &[("eventID", EVENT)]).await;
    assert_eq!(log.all("status"), ["200", "500", "500", "500"], "the newest first");
    assert!(log.first("request").contains("personID"));
    let counts = world.admin("GET", "deliveries", json!(null)).await.json()["counts"].clone();
    assert_eq!((&counts["delivered"], &counts["failed"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn webhooks_are_made_changed_removed_and_explained() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let create =
        async |kind, url| world.post("webhook.create", &[("eventID", EVENT)], &[("type", kind), ("url", url)]).await;
    assert_eq!(create("nonsense", &receiver.url).await.status, 406);
    assert_eq!(create("event_dismissal", "ftp://x").await.status, 406);
    let id = create("event_dismissal", &receiver.url).await.first("webhookID");
    let example = world.get("webhook.requestExample", &[("webhookID", &id)]).await;
    assert_eq!((example.first("type"), example.first("eventID")), ("event_dismissal".into(), EVENT.into()));
    let edit = [("webhookID", id.as_str()), ("key", "type")];
    world.post("webhook.edit", &edit, &[("value", "event_enrollment")]).await;
    world.register("Ana", "ana@contoso.example").await;
    assert_eq!(receiver.types(&world).await, ["event_enrollment"]);
    world.get("webhook.remove", &[("webhookID", &id), ("eventID", EVENT)]).await;
    assert_eq!(world.get("webhook.find", &[("companyID", "100")]).await.data().len(), 0);
    world.register("Bo", "bo@contoso.example").await;
    assert_eq!(receiver.all(&world).await.len(), 1);
}
