//! Lists of people: pages, selections, changes since a time.

use std::collections::HashSet;

use serde_json::json;

use crate::world::{BUDGET, EVENT, World, text};

impl World {
    async fn names(&self, query: &[(&str, &str)]) -> Vec<String> {
        self.get("event.person.find", &[&[("eventID", EVENT)], query].concat()).await.all("firstName")
    }

    async fn load(&self, count: u64) {
        let reply = self.admin("POST", "people", json!({ "eventID": 4711, "count": count })).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    async fn page(&self, offset: usize) -> Vec<String> {
        let offset = offset.to_string();
        let query = [("eventID", EVENT), ("limit", "100"), ("offset", &offset)];
        self.get("event.person.find", &query).await.all("personID")
    }
}

#[tokio::test]
async fn a_page_has_twenty_rows_and_at_most_a_hundred() {
    let world = World::start().await;
    world.load(250).await;
    let rows = async |query: &[(&str, &str)]| world.names(query).await.len();
    assert_eq!(rows(&[]).await, 20);
    assert_eq!(rows(&[("limit", "1000")]).await, 100);
    assert_eq!(rows(&[("limit", "100"), ("offset", "200")]).await, 50);
    assert_eq!(rows(&[("offset", "250")]).await, 0);
    let count = async || world.get("event.person.find", &[("eventID", EVENT)]).await.json()["count"].clone();
    assert_eq!(count().await, 20);
    world.variants(json!({ "count_is_total": true, "unlimited_pages": true })).await;
    assert_eq!(count().await, 250);
    assert_eq!(rows(&[("limit", "1000")]).await, 250);
}

#[tokio::test]
async fn many_people_are_paged_through_without_a_gap() {
    let world = World::start().await;
    world.load(10_000).await;
    let mut seen = HashSet::new();
    for page in 0..100 {
        seen.extend(world.page(page * 100).await);
    }
    assert_eq!(seen.len(), 10_000);
}

#[tokio::test]
async fn rows_shift_while_somebody_pages() {
    let world = World::start().await;
    world.load(300).await;
    let all: HashSet<String> =
        (world.page(0).await.into_iter().chain(world.page(100).await)).chain(world.page(200).await).collect();
    // Somebody of the first page leaves: the first of the second one slips into the first.
    let first = world.page(0).await;
    world.of_person("event.person.dismiss", &first[5]).await;
    let seen: HashSet<String> =
        first.iter().cloned().chain(world.page(100).await).chain(world.page(200).await).collect();
    assert_eq!(all.difference(&seen).count(), 1, "one is missed");
    // The newest first: somebody who comes pushes the last of a page to the next.
    world.variants(json!({ "default_order": "newest" })).await;
    let first = world.page(0).await;
    world.register("Ana Silva", "ana@contoso.example").await;
    assert_eq!(world.page(100).await[0], first[99], "one is seen twice");
}

#[tokio::test]
async fn people_are_selected_searched_and_ordered() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for (name, email, more) in [
        ("Cleo Costa", "cleo@contoso.example", ("createSpeaker", "1")),
        ("Ana Silva", "ana@fabrikam.example", ("rsvp", "1")),
        ("Bo Dyk", "bo@contoso.example", ("private", "1")),
    ] {
        let body = [("name", name), ("username", email), more];
        ids.push(world.post("event.person.bind", &[("eventID", EVENT)], &body).await.first("personID"));
    }
    world.post("event.person.bind", &[("eventID", EVENT)], &[("name", "Dee"), ("username", "dee")]).await;
    world.get("checklog.checkIn", &[("eventID", EVENT), ("code", &ids[0])]).await;
    let tag = world.post("tag.create", &[("eventID", EVENT)], &[("name", "VIP")]).await.first("tagID");
    for id in &ids[1..] {
        let key = [("eventID", EVENT), ("personID", id), ("key", "tagIDs")];
        world.post("event.person.operate", &key, &[("value", &tag)]).await;
    }
    let tagged = format!("tags:{tag}|private");
    for (selection, expected) in [
        ("all", &["Cleo", "Ana", "Bo", "Dee"][..]),
        ("present", &["Cleo"]),
        ("not-present", &["Ana", "Bo", "Dee"]),
        ("speakers", &["Cleo"]),
        ("accepted-rsvp", &["Ana"]),
        ("waiting-rsvp", &["Cleo", "Bo", "Dee"]),
        ("without-email", &["Dee"]),
        ("with-email|not-present", &["Ana", "Bo"]),
        ("admin", &[]),
        (&tagged, &["Bo"]),
    ] {
        assert_eq!(world.names(&[("selection", selection)]).await, expected, "{selection}");
    }
    assert_eq!(world.names(&[("order", "name")]).await, ["Ana", "Bo", "Cleo", "Dee"]);
    assert_eq!(world.names(&[("order", "name"), ("orderDirection", "desc")]).await, ["Dee", "Cleo", "Bo", "Ana"]);
    assert_eq!(world.names(&[("query", "CONTOSO")]).await, ["Cleo", "Bo"]);
    assert_eq!(world.names(&[("query", "fabrikam"), ("queryKey", "email")]).await, ["Ana"]);
    assert_eq!(world.names(&[("query", &ids[2]), ("queryKey", "personID")]).await, ["Bo"]);
    assert_eq!(world.get("event.person.find", &[("eventID", EVENT), ("order", "nonsense")]).await.status, 406);
}

#[tokio::test]
async fn what_changed_since_a_time_is_listed_as_the_variants_say() {
    let world = World::start().await;
    let (ana, bo) =
        (world.register("Ana", "ana@contoso.example").await, world.register("Bo", "bo@contoso.example").await);
    let now = async || world.admin("GET", "clock", json!(null)).await.json()["now"].as_i64().unwrap();
    let key = [("eventID", EVENT), ("personID", bo.as_str()), ("key", BUDGET)];
    let since = async || {
        // Whole seconds: what happens now is after the last one.
        world.advance(10).await;
        (now().await - 1).to_string()
    };
    let after = since().await;
    world.get("checklog.checkIn", &[("eventID", EVENT), ("code", &ana)]).await;
    assert_eq!(world.names(&[("updatedAfterDate", &after)]).await, ["Ana"]);
    assert_eq!(world.names(&[("query", &after), ("queryKey", "updatedAfterDate")]).await, ["Ana"]);
    assert_eq!(world.names(&[("updatedBeforeDate", &after)]).await, ["Bo"]);
    let after = since().await;
    world.post("event.person.operate", &[key[0], key[1], ("key", "role")], &[("value", "CTO")]).await;
    assert_eq!(world.names(&[("updatedAfterDate", &after)]).await, ["Bo"]);

    let quiet = json!({ "check_in_does_not_touch_date_updated": true, "answers_do_not_touch_date_updated": true });
    world.variants(quiet).await;
    let after = since().await;
    world.get("checklog.checkIn", &[("eventID", EVENT), ("code", &ana)]).await;
    let content =
        format!(r#"[{{"feedbackID": "47121", "value": "10k"}}, {{"feedbackID": 47123, "value": "{}"}}]"#, "vegan");
    world.post("feedback.respond", &key[..2], &[("content", &content)]).await;
    assert_eq!(world.names(&[("updatedAfterDate", &after)]).await, Vec::<String>::new());
    assert_eq!(world.person(&bo).await[BUDGET], "10k");

    world.variants(json!({ "since_ignored": true })).await;
    assert_eq!(world.names(&[("updatedAfterDate", &after)]).await, ["Ana", "Bo"]);
    world.variants(json!({ "no_date_updated": true })).await;
    assert_eq!(world.person(&bo).await.get("dateUpdated"), None);
    assert!(text(&world.person(&bo).await, "enrollmentDate").parse::<i64>().is_ok());
}

#[tokio::test]
async fn answers_come_with_the_full_profile_only_and_in_two_shapes() {
    let world = World::start().await;
    let body = [("name", "Ana"), ("username", "ana@contoso.example"), (BUDGET, "10k"), ("summary", "about me")];
    let id = world.post("event.person.bind", &[("eventID", EVENT)], &body).await.first("personID");
    let find = async |full| {
        world.get("event.person.find", &[("eventID", EVENT), ("fullProfile", full)]).await.data()[0].clone()
    };
    assert_eq!((find("0").await.get(BUDGET), find("0").await.get("summary")), (None, None));
    assert_eq!((&find("1").await[BUDGET], &find("1").await["summary"]), (&json!("10k"), &json!("about me")));
    world.variants(json!({ "answers": "list" })).await;
    let expected = json!({ "feedbackID": "47121", "text": "Budget", "value": "10k" });
    assert_eq!(world.person(&id).await["feedback"][0], expected);
}

#[tokio::test]
async fn who_is_not_in_the_event_is_told_as_the_variants_say() {
    let world = World::start().await;
    for (variant, status) in [("not_found", 404), ("unauthorized", 401), ("empty", 200)] {
        world.variants(json!({ "missing_person": variant })).await;
        assert_eq!(world.of_person("event.person.get", "1").await.status, status);
    }
    assert_eq!(world.of_person("event.person.get", "1").await.json(), json!({ "count": 0, "data": [] }));
}
