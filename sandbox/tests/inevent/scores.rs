//! Questions and answers, points, quizzes, time spent.

use serde_json::json;

use crate::world::{EVENT, KEYNOTE, World};

#[tokio::test]
async fn questions_have_api_fields_and_answers_are_listed() {
    let world = World::start().await;
    let body = [("text", "T-shirt size?"), ("type", "select")];
    let question = world.post("feedback.create", &[("eventID", EVENT)], &body).await;
    let (id, field) = (question.first("feedbackID"), question.first("apiField"));
    assert_eq!(field, format!("f_t_shirt_size_{id}"));
    world.post("feedback.option.create", &[("feedbackID", &id)], &[("text", "L")]).await;
    assert_eq!(world.get("feedback.option.find", &[("feedbackID", &id)]).await.all("text"), ["L"]);
    assert_eq!(world.get("feedback.find", &[("eventID", EVENT)]).await.data().len(), 4);
    let ana = world.register("Ana", "ana@contoso.example").await;
    let respond = async |content: &str| {
        let query = [("eventID", EVENT), ("personID", ana.as_str())];
        world.post("feedback.respond", &query, &[("content", content)]).await.status
    };
    assert_eq!(respond(&format!(r#"{{"{field}": "L"}}"#)).await, 200);
    assert_eq!(respond(&format!(r#"[{{"feedbackID": {id}, "value": "M"}}]"#)).await, 200);
    assert_eq!(respond(r#"{"f_unknown_1": "x"}"#).await, 406);
    assert_eq!(respond("nonsense").await, 406);
    let answers = world.get("feedback.submission.find", &[("eventID", EVENT)]).await;
    assert_eq!(
        (answers.all("value"), answers.all("apiField"), answers.all("personID")),
        (vec!["M".into()], vec![field], vec![ana])
    );
}

#[tokio::test]
async fn points_quizzes_and_time_add_up() {
    let world = World::start().await;
    let (ana, bo) =
        (world.register("Ana", "ana@contoso.example").await, world.register("Bo", "bo@contoso.example").await);
    for (points, people) in [("10", vec![&ana]), ("15", vec![&ana, &bo])] {
        let body = [("name", "Booth"), ("points", points)];
        let game = world.post("gamification.create", &[("eventID", EVENT)], &body).await.first("gamificationID");
        for person in people {
            world.get("gamification.person.bind", &[("gamificationID", &game), ("personID", person)]).await;
        }
    }
    assert_eq!(world.of_person("gamification.person.get", &ana).await.first("points"), "25");
    let board = world.get("gamification.leaderboard", &[("eventID", EVENT)]).await;
    assert_eq!(
        (board.all("personID"), board.all("position")),
        (vec![ana.clone(), bo.clone()], vec!["1".into(), "2".into()])
    );
    let score = |extra: serde_json::Value| {
        let mut score = json!({ "eventID": 4711, "personID": ana.parse::<u64>().unwrap(), "activityID": 47111 });
        score.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        score
    };
    for extra in
        [json!({ "quiz_points": 7 }), json!({ "watched_s": 600 }), json!({ "watched_s": 30, "activityID": null })]
    {
        assert_eq!(world.admin("POST", "scores", score(extra)).await.status, 200);
    }
    assert_eq!(world.get("quiz.person.find", &[("activityID", KEYNOTE)]).await.all("points"), ["7"]);
    let spent = [("companyID", "100"), ("eventID", EVENT), ("personID", ana.as_str())];
    assert_eq!(world.get("live.person.analyticsGet", &spent).await.first("timeSpent"), "630");
    let grouped = world.get("live.person.analyticsGet", &[&spent[..], &[("groupBy", "activity")]].concat()).await;
    assert_eq!(
        (grouped.all("activityID"), grouped.all("timeSpent")),
        (vec!["".into(), KEYNOTE.into()], vec!["30".into(), "600".into()])
    );
    assert_eq!(world.get("live.person.analyticsFind", &[("eventID", EVENT)]).await.all("personID"), [ana]);
}
