//! An event's life of which no webhook tells anything.

use serde_json::json;

use crate::world::{ATTENDED, BUDGET, CANCELLED, EVENT, HOUR, KEYNOTE, NO_SHOW, REGISTERED, WORKSHOP, World};

/// What InEvent may do of what it does not publish.
pub fn variants_of_inevent() -> Vec<serde_json::Value> {
    vec![
        json!({}),
        json!({ "since_ignored": true, "count_is_total": true }),
        json!({ "no_date_updated": true, "missing_person": "unauthorized" }),
        json!({ "check_in_does_not_touch_date_updated": true, "answers_do_not_touch_date_updated": true, "answers": "list" }),
        json!({ "all_lists_everyone": true, "default_order": "newest", "error_shape": "bodiless", "missing_person": "empty" }),
        json!({ "query_attributes_in_body": false, "default_order": "name", "answers": "apart" }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_webhook_the_rows_end_as_inevent_has_them() {
    for variant in variants_of_inevent() {
        let world = World::start(json!({}), variant.clone()).await;
        let [ana, ben, cho, dan] = [
            world.register("ana").await,
            world.register("ben").await,
            world.register("cho").await,
            world.register("dan").await,
        ];
        world.inevent("activity.person.bind", &[("activityID", WORKSHOP), ("personID", &ben)], &[]).await;
        let track = world.inevent("tag.create", &[("eventID", EVENT)], &[("name", "Cloud; Data")]).await;
        let track = track["tagID"].as_str().unwrap();
        world.inevent("activity.tag.bind", &[("activityID", WORKSHOP), ("tagID", track)], &[]).await;
        world.round().await;
        for person in [&ana, &ben, &cho, &dan] {
            assert_eq!(world.row(person, None).await, Some((REGISTERED, None)), "{variant}");
        }
        assert_eq!(world.row(&ben, Some(WORKSHOP)).await, Some((REGISTERED, None)), "{variant}");
        let rows = world.rows("new_eventattendance").await;
        let workshop = rows.iter().find(|row| row["new_sessionid"] == WORKSHOP).unwrap();
        assert_eq!(workshop["new_sessiontracks"], "Cloud, Data", "{variant}");
        let leads = world.rows("lead").await;
        let lead = leads.iter().find(|lead| lead["emailaddress1"] == "ana@fabrikam.example").unwrap();
        assert_eq!((&lead["new_budget"], &lead["subject"]), (&json!("10k"), &json!("Partner Day")), "{variant}");

        // Somebody corrects the CRM, and InEvent says the same again a day later: the corrections stay, and what is known writes nothing.
        let correct = async |set: &str, row: &serde_json::Value, key: &str, columns: serde_json::Value| {
            world.correct(set, row[key].as_str().unwrap(), columns).await;
        };
        correct("leads", lead, "leadid", json!({ "new_budget": "12k" })).await;
        let row = rows.iter().find(|row| row["new_participantid"] == *ana).unwrap();
        correct("new_eventattendances", row, "activityid", json!({ "new_eventname": "Partners' Day" })).await;
        let leads = world.rows("lead").await;
        let before = world.rows("new_eventattendance").await;
        world.later(25 * HOUR).await;
        world.round().await;
        assert_eq!(world.rows("new_eventattendance").await, before, "{variant}");
        let after = world.rows("lead").await;
        let corrected = |rows: &[serde_json::Value], column: &str, value: &str| {
            rows.iter().filter(|row| row[column] == value).count()
        };
        assert_eq!(after, leads, "{variant}");
        assert_eq!(corrected(&leads, "new_budget", "12k"), 1, "{variant}");
        assert_eq!(corrected(&before, "new_eventname", "Partners' Day"), 1, "{variant}");

        // Then InEvent has something newer to say of both.
        world.inevent("event.edit", &[("eventID", EVENT), ("key", "name")], &[("value", "Day of Partners")]).await;
        world
            .inevent(
                "event.person.operate",
                &[("eventID", EVENT), ("personID", &ana), ("key", BUDGET)],
                &[("value", "20k")],
            )
            .await;
        world.about("event.person.dismiss", &cho).await;
        world.later(25 * HOUR).await;
        world.round().await;
        let leads = world.rows("lead").await;
        let lead = leads.iter().find(|lead| lead["emailaddress1"] == "ana@fabrikam.example").unwrap();
        assert_eq!(lead["new_budget"], "20k", "{variant}");
        assert_eq!(world.row(&cho, None).await, Some((CANCELLED, None)), "{variant}");

        // The event: one comes to the keynote only, one to the door, one stays away. A session ends.
        world.go_to(HOUR / 2).await;
        world.check("In", &ana, None).await;
        world.check("In", &ben, Some(KEYNOTE)).await;
        world.round().await;
        assert_eq!(world.row(&ana, None).await, Some((REGISTERED, ATTENDED)), "{variant}");
        // The event's new name comes with what is newer of the participant.
        let renamed = world.rows("new_eventattendance").await;
        let row =
            renamed.iter().find(|row| row["new_participantid"] == *ana && row["new_sessionid"].is_null()).unwrap();
        assert_eq!(row["new_eventname"], "Day of Partners", "{variant}");
        assert_eq!(world.row(&ben, Some(KEYNOTE)).await, Some((REGISTERED, ATTENDED)), "{variant}");
        world.later(3 * HOUR).await;
        world.round().await;
        assert_eq!(world.row(&ben, Some(WORKSHOP)).await, Some((REGISTERED, NO_SHOW)), "{variant}");
        assert_eq!(world.row(&dan, None).await, Some((REGISTERED, None)), "{variant}");

        // It ends while InEvent does not answer: nobody is called a no-show before everything was read.
        world.go_to(7 * HOUR).await;
        world.check("In", &dan, None).await;
        world.check("Out", &ana, None).await;
        world.go_to(8 * HOUR + 60).await;
        world.inevent_admin("POST", "faults", json!({ "kind": "unavailable", "count": 6 })).await;
        for _ in 0..3 {
            assert!(world.try_round().await.is_err(), "{variant}");
            world.later(120).await;
        }
        world.inevent_admin("DELETE", "faults", json!(null)).await;
        world.round().await;
        for (person, expected) in [(&ana, ATTENDED), (&ben, ATTENDED), (&dan, ATTENDED)] {
            assert_eq!(world.row(person, None).await, Some((REGISTERED, expected)), "{variant}");
        }
        assert_eq!(world.row(&cho, None).await, Some((CANCELLED, None)), "{variant}");
        let never = world.outlet.put.lock().unwrap().iter().filter(|event| event.participant.is_none()).count();
        assert_eq!(never, 3, "two sessions and the event, each closed once: {variant}");

        // A check-in that was uploaded late withdraws nothing that was true.
        world.later(HOUR).await;
        world.round().await;
        assert_eq!(world.row(&dan, None).await, Some((REGISTERED, ATTENDED)), "{variant}");
        world.sandbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn applicants_are_registered_once_they_are_let_in_and_cancelled_once_they_are_rejected() {
    for variant in [json!({}), json!({ "all_lists_everyone": true }), json!({ "no_date_updated": true })] {
        applicants(variant).await;
    }
}

async fn applicants(variant: serde_json::Value) {
    let world = World::start(json!({}), variant).await;
    let apply = async |name: &str| {
        let email = format!("{name}@fabrikam.example");
        let body = [("name", name), ("username", email.as_str())];
        let row = world.inevent("event.applicant.bind", &[("eventID", EVENT)], &body).await;
        row["personID"].as_str().unwrap().to_owned()
    };
    let (eve, fay, gil) = (apply("eve").await, apply("fay").await, apply("gil").await);
    world.about("event.applicant.reject", &gil).await;
    world.round().await;
    for person in [&eve, &fay, &gil] {
        assert_eq!(world.row(person, None).await, None);
    }
    assert!(!world.rows("lead").await.iter().any(|lead| lead["emailaddress1"] == "gil@fabrikam.example"));
    world.about("event.applicant.approve", &eve).await;
    world.later(13 * HOUR).await;
    world.round().await;
    assert_eq!(world.row(&eve, None).await, Some((REGISTERED, None)));
    assert_eq!(world.row(&fay, None).await, None);
    world.about("event.applicant.reject", &eve).await;
    world.later(13 * HOUR).await;
    world.round().await;
    assert_eq!(world.row(&eve, None).await, Some((CANCELLED, None)));
    // The decision is reverted.
    world.about("event.applicant.undoReject", &eve).await;
    world.about("event.applicant.approve", &eve).await;
    world.later(25 * HOUR).await;
    world.round().await;
    assert_eq!(world.row(&eve, None).await, Some((REGISTERED, None)));
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_come_from_where_the_settings_say() {
    for (source, expected) in
        [("points", Some(30.0)), ("time_spent", Some(2.5)), ("quizzes", Some(7.0)), ("none", None)]
    {
        let world = World::start(json!({ "reconcile": { "score": source } }), json!({})).await;
        let (ana, event): (i64, i64) = (world.register("ana").await.parse().unwrap(), EVENT.parse().unwrap());
        let game = [("name", "Booth"), ("points", "30")];
        let game = world.inevent("gamification.create", &[("eventID", EVENT)], &game).await;
        let id = game["gamificationID"].as_str().unwrap();
        world.inevent("gamification.person.bind", &[("gamificationID", id), ("personID", &ana.to_string())], &[]).await;
        let score = json!({ "eventID": event, "personID": ana, "quiz_points": 7, "watched_s": 150 });
        world.inevent_admin("POST", "scores", score).await;
        world.round().await;
        let rows = world.rows("new_eventattendance").await;
        assert_eq!((rows.len(), rows[0]["new_engagementscore"].as_f64()), (1, expected), "{source}");
        world.sandbox.stop().await;
    }
}
