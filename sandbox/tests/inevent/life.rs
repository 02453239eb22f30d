//! People from registration to check-out.

use serde_json::json;

use crate::world::{BUDGET, EVENT, KEYNOTE, World, text};

#[tokio::test]
async fn a_registration_mails_once_and_spends_one_credit() {
    let world = World::start().await;
    let body = [("name", "Ana Silva"), ("email", "Ana@Contoso.example"), ("username", "ana"), (BUDGET, "10k")];
    let id = world.post("event.person.bind", &[("eventID", EVENT)], &body).await.first("personID");
    let again = [("username", "ana"), ("email", "ana@contoso.example"), ("role", "CTO")];
    let second = world.post("event.person.bind", &[("eventID", EVENT)], &again).await;
    assert_eq!(
        (second.first("personID"), second.first("role"), second.first(BUDGET)),
        (id, "CTO".into(), "10k".into())
    );
    let mails = world.admin("GET", "mails", json!(null)).await.json();
    assert_eq!((&mails["sent"], &mails["by_address"]), (&json!(1), &json!({ "ana@contoso.example": 1 })));
    assert_eq!(mails["mails"][0]["kind"], "confirmation");
    assert_eq!(world.admin("GET", "credits", json!(null)).await.json(), json!({ "spent": 1 }));
    for bad in ["o'brien@contoso.example", "@", "a b@c.example"] {
        let reply = world.post("event.person.bind", &[("eventID", EVENT)], &[("name", "X"), ("email", bad)]).await;
        assert_eq!(reply.status, 406, "{bad}");
    }
}

#[tokio::test]
async fn a_person_has_one_id_in_all_events_and_is_found_by_it_address_and_code() {
    let world = World::start().await;
    let other = world.post("company.event.bind", &[("companyID", "100")], &[("name", "Other")]).await.first("eventID");
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let body = [("name", "Ana Silva"), ("username", "ana@contoso.example")];
    let there = world.post("event.person.bind", &[("eventID", &other)], &body).await.first("personID");
    assert_eq!(there, id);
    let code = format!("Q{id}");
    for (name, value) in [("personID", id.as_str()), ("email", "ANA@contoso.example"), ("qrCode", &code)] {
        let reply = world.get("event.person.get", &[("eventID", EVENT), (name, value)]).await;
        assert_eq!(reply.first("personID"), id, "{name}");
    }
    let all = world.get("event.person.get", &[("companyID", "100"), ("personID", &id)]).await;
    assert_eq!(all.all("eventID"), [EVENT, other.as_str()]);
}

#[tokio::test]
async fn a_person_is_changed_by_key_or_content_and_dismissed() {
    let world = World::start().await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let change = async |query: &[(&str, &str)], body: &[(&str, &str)]| {
        let query = [&[("eventID", EVENT), ("personID", id.as_str())], query].concat();
        world.post("event.person.operate", &query, body).await
    };
    assert_eq!(change(&[("key", "company")], &[("value", "Contoso")]).await.first("company"), "Contoso");
    let several = format!(r#"{{"role": "CTO", "{BUDGET}": "20k", "email": "silva@contoso.example"}}"#);
    let changed = change(&[], &[("content", &several)]).await;
    assert_eq!((changed.first("role"), changed.first(BUDGET)), ("CTO".into(), "20k".into()));
    assert_eq!(change(&[("key", "personID")], &[("value", "1")]).await.status, 406);
    let by_email = async |email| world.get("event.person.get", &[("eventID", EVENT), ("email", email)]).await.status;
    assert_eq!((by_email("silva@contoso.example").await, by_email("ana@contoso.example").await), (200, 404));
    assert_eq!(world.of_person("event.person.dismiss", &id).await.status, 200);
    assert_eq!(world.of_person("event.person.get", &id).await.status, 404);
    assert_eq!(world.of_person("event.person.dismiss", &id).await.status, 404);
}

#[tokio::test]
async fn applicants_are_approved_rejected_and_reconsidered() {
    let world = World::start().await;
    world.post("event.tool.edit", &[("eventID", EVENT), ("key", "requiresApproval")], &[("value", "1")]).await;
    let url = world.url(&format!("/?action=event.person.bind&eventID={EVENT}"));
    let form = [("name", "Ana Silva"), ("email", "ana@contoso.example")];
    let ana = world.send(world.client.post(url).form(&form)).await.first("personID");
    let body = [("name", "Bruno Costa"), ("email", "bruno@contoso.example"), ("waitlist", "1")];
    let bruno = world.post("event.applicant.bind", &[("eventID", EVENT)], &body).await.first("personID");
    let waiting = world.get("event.applicant.find", &[("eventID", EVENT)]).await;
    assert_eq!(waiting.all("status"), ["pending", "pending"]);
    assert_eq!(waiting.all("waitlist"), ["0", "1"]);
    assert_eq!(world.of_person("event.person.get", &ana).await.status, 404);
    assert_eq!(world.admin("GET", "mails", json!(null)).await.json()["sent"], 0);

    let selected = async |selection| {
        world.get("event.person.find", &[("eventID", EVENT), ("selection", selection)]).await.all("personID")
    };
    world.of_person("event.applicant.approve", &ana).await;
    world.of_person("event.applicant.reject", &bruno).await;
    assert_eq!(selected("all").await, std::slice::from_ref(&ana));
    assert_eq!(selected("denied").await, std::slice::from_ref(&bruno));
    assert_eq!(world.admin("GET", "mails", json!(null)).await.json()["sent"], 1);
    assert_eq!(world.of_person("event.applicant.undoReject", &bruno).await.first("status"), "pending");
    assert_eq!(world.of_person("event.applicant.undoReject", &bruno).await.status, 406);
    world.of_person("event.applicant.reject", &ana).await;
    assert_eq!(selected("approved").await, Vec::<String>::new(), "attendees can be rejected too");
    assert_eq!(world.person(&ana).await["approved"], "0");
    world.variants(json!({ "all_lists_everyone": true })).await;
    assert_eq!(selected("all").await.len(), 2);
}

#[tokio::test]
async fn check_ins_are_logged_for_event_and_session() {
    let world = World::start().await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let check = async |action: &str, more: &[(&str, &str)]| {
        world.get(action, &[&[("eventID", EVENT), ("code", id.as_str())], more].concat()).await
    };
    assert_eq!(check("checklog.checkIn", &[("activityID", KEYNOTE), ("date", "1700000000")]).await.status, 200);
    assert_eq!(world.person(&id).await["present"], "0", "a session is not the event");
    assert_eq!(check("checklog.checkIn", &[("date", "1700000100")]).await.status, 200);
    assert_eq!(check("checklog.checkOut", &[("date", "1700000200")]).await.status, 200);
    assert_eq!(world.person(&id).await["present"], "1");
    let log = world.get("checklog.find", &[("eventID", EVENT), ("sort", "date"), ("sortDirection", "desc")]).await;
    assert_eq!(log.all("date"), ["1700000200", "1700000100", "1700000000"]);
    assert_eq!(log.all("type"), ["checkOut", "checkIn", "checkIn"]);
    assert_eq!(log.all("activityID"), ["", "", KEYNOTE]);
    let session = [("eventID", EVENT), ("key", "activityID"), ("query", KEYNOTE)];
    assert_eq!(world.get("checklog.find", &session).await.all("personID"), std::slice::from_ref(&id));
    assert_eq!(
        world.get("activity.person.find", &[("activityID", KEYNOTE), ("selection", "present")]).await.data().len(),
        1
    );
    assert_eq!(world.get("checklog.checkIn", &[("eventID", EVENT), ("code", "Q1")]).await.status, 404);
    let key = [("eventID", EVENT), ("personID", &id), ("key", "present")];
    world.post("event.person.operate", &key, &[("value", "0")]).await;
    assert_eq!(world.person(&id).await["present"], "0", "a check-in taken back");
}

#[tokio::test]
async fn sessions_are_made_changed_joined_and_left() {
    let world = World::start().await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let body = [("name", "Panel"), ("dateBegin", "1900000000"), ("dateEnd", "1900003600"), ("capacity", "20")];
    let panel = world.post("activity.create", &[("eventID", EVENT)], &body).await.first("activityID");
    world.post("activity.edit", &[("activityID", &panel), ("key", "name")], &[("value", "Forum")]).await;
    let tag = world.post("tag.create", &[("eventID", EVENT)], &[("name", "Cloud")]).await.first("tagID");
    world.get("activity.tag.bind", &[("activityID", &panel), ("tagID", &tag)]).await;
    assert_eq!(world.get("activity.tag.find", &[("activityID", &panel)]).await.all("name"), ["Cloud"]);
    assert_eq!(world.get("tag.find", &[("eventID", EVENT)]).await.all("tagID"), [tag]);
    let enrolment = [("activityID", panel.as_str()), ("personID", id.as_str())];
    world.get("activity.person.bind", &enrolment).await;
    let mine = world.get("activity.find", &[("eventID", EVENT), ("personID", &id)]).await;
    assert_eq!(mine.all("name"), ["Forum"]);
    let found = world.get("activity.person.find", &[("activityID", &panel), ("query", "silva")]).await;
    assert_eq!(text(&found.data()[0], "email"), "ana@contoso.example");
    world.get("activity.person.dismiss", &enrolment).await;
    assert_eq!(world.get("activity.person.get", &enrolment).await.status, 404);
    world.get("activity.remove", &[("activityID", &panel)]).await;
    assert_eq!(world.get("activity.find", &[("eventID", EVENT)]).await.all("name"), ["Keynote", "Workshop"]);
}

#[tokio::test]
async fn events_are_found_by_time_and_name() {
    let world = World::start().await;
    let past = [("name", "Gone"), ("dateBegin", "1000"), ("dateEnd", "2000"), ("city", "Lisbon")];
    world.post("company.event.bind", &[("companyID", "100")], &past).await;
    let found = async |query: &[(&str, &str)]| {
        world.get("company.event.find", &[&[("companyID", "100")], query].concat()).await.all("name")
    };
    assert_eq!(found(&[]).await, ["Partner Day", "Gone"]);
    assert_eq!(found(&[("selection", "past-events")]).await, ["Gone"]);
    assert_eq!(found(&[("selection", "next-events")]).await, ["Partner Day"]);
    assert_eq!(found(&[("city", "lis")]).await, ["Gone"]);
    assert_eq!(found(&[("dateBegin", "3000")]).await, ["Partner Day"]);
    assert_eq!(world.get("company.event.find", &[("companyID", "1")]).await.status, 404);
    assert_eq!(world.get("event.tool.get", &[("eventID", EVENT)]).await.first("api"), "1");
}

#[tokio::test]
async fn a_snapshot_brings_everything_back_and_a_reset_the_beginning() {
    let world = World::start().await;
    world.register("Ana Silva", "ana@contoso.example").await;
    world.admin("POST", "snapshots", json!({ "name": "one" })).await;
    world.register("Bruno Costa", "bruno@contoso.example").await;
    let people = async || {
        let event = world.admin("GET", "events/4711", json!(null)).await.json();
        event["people"].as_array().unwrap().len()
    };
    assert_eq!(people().await, 2);
    assert_eq!(world.admin("POST", "snapshots/one/restore", json!(null)).await.status, 200);
    assert_eq!(people().await, 1);
    assert_eq!(world.get("event.person.find", &[("eventID", EVENT)]).await.data().len(), 1);
    world.admin("POST", "reset", json!(null)).await;
    assert_eq!(people().await, 0);
    assert_eq!(world.admin("GET", "snapshots", json!(null)).await.json(), json!([]));
}
