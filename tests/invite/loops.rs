//! Whoever was invited and registers comes back as the same person.

use std::sync::Arc;

use inevent_d365::{
    model::validate,
    settings::Prefix,
    sync::{DataverseCrm, engine::Engine, outcome::Outcome},
};
use serde_json::{Value, json};

use crate::{
    crm::{list, named},
    world::{EVENT, World, run, settings},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_person_who_registers_is_the_same_contact_and_no_new_lead() {
    let world = World::start().await;
    let ana = named(&world, "ana").await;
    let list = list(&world, 2, std::slice::from_ref(&ana)).await;
    let settings = settings(json!({ "lists": [list] }));
    let (inviter, dataverse) = world.inviter_at(&world.standin.connection().url);
    run(&inviter, &settings).await;

    let form = [("name", "Ana Doe"), ("username", "Ana@X.example"), ("company", "Another")];
    let registered = world.in_inevent("event.person.bind", &form).await["data"][0].clone();
    assert_eq!(json!(world.remembered().await[0].invitation.participant), registered["personID"]);
    let said = json!({
        "id": "back", "time": "2026-05-01T09:00:00Z", "kind": "registered",
        "event": { "id": EVENT, "name": "Partner Day" },
        "participant": { "id": registered["personID"], "email": registered["email"], "first_name": "Ana", "last_name": "Doe" },
    });
    let said = validate::read(&said, "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
    let engine =
        Engine::new(Arc::new(DataverseCrm::new(dataverse, &Prefix::default())), world.store.clone(), "t".into());
    assert!(matches!(engine.run(&[said]).await.outcomes[..], [Outcome::Settled { .. }]));
    let leads = world.crm("GET", "leads?$select=leadid", Value::Null).await;
    assert_eq!(leads["value"], json!([]));
    let rows = world.crm("GET", "new_eventattendances?$select=_regardingobjectid_value", Value::Null).await;
    assert_eq!(
        (rows["value"].as_array().unwrap().len(), &rows["value"][0]["_regardingobjectid_value"]),
        (1, &json!(ana))
    );

    // And the next look finds them registered or invited, not to be invited.
    assert_eq!(run(&inviter, &crate::world::settings(json!({ "lists": [list], "max_per_run": 7 }))).await.sent, 0);
    assert_eq!(world.mailed().await.len(), 1);
}
