//! Invitations and lists.

use serde_json::json;

use crate::world::{EVENT, World};

impl World {
    async fn invite(&self, email: &str) -> crate::world::Reply {
        self.post("event.invite.create", &[("eventID", EVENT)], &[("email", email)]).await
    }

    async fn mails(&self) -> serde_json::Value {
        self.admin("GET", "mails?kind=invitation", json!(null)).await.json()
    }
}

#[tokio::test]
async fn every_invitation_mails_and_registers_nobody() {
    let world = World::start().await;
    let person = world.invite("ana@contoso.example").await.first("personID");
    world.invite("Ana@contoso.example").await;
    world.invite("bo@contoso.example").await;
    for refused in ["o'brien@contoso.example", "nobody"] {
        assert_eq!(world.invite(refused).await.status, 406, "{refused}");
    }
    let mails = world.mails().await;
    assert_eq!((&mails["sent"], &mails["repeated"]), (&json!(3), &json!(["ana@contoso.example"])));
    assert_eq!(mails["by_address"], json!({ "ana@contoso.example": 2, "bo@contoso.example": 1 }));
    assert_eq!(world.admin("GET", "credits", json!(null)).await.json()["spent"], 0);
    assert_eq!(world.get("event.person.find", &[("eventID", EVENT)]).await.data().len(), 0);
    let invites = world.get("event.invite.find", &[("eventID", EVENT)]).await;
    assert_eq!(invites.all("email"), ["ana@contoso.example", "bo@contoso.example"]);
    assert_eq!(invites.all("registered"), ["0", "0"]);
    assert_eq!(world.register("Ana Silva", "ana@contoso.example").await, person);
    assert_eq!(world.of_person("event.invite.get", &person).await.first("registered"), "1");
}

#[tokio::test]
async fn invitations_are_looked_up_answered_and_taken_back() {
    let world = World::start().await;
    let person = world.invite("ana@contoso.example").await.first("personID");
    let email = [("eventID", EVENT), ("email", "ana@contoso.example")];
    let url = world.url("/?action=event.invite.get");
    assert_eq!(world.send(world.client.get(&url).query(&email)).await.first("personID"), person, "without a token");
    let in_body = world.post("event.invite.get", &email[..1], &email[1..]).await;
    assert_eq!(in_body.first("personID"), person);
    assert_eq!(world.get("event.invite.get", &[("eventID", EVENT), ("email", "x@contoso.example")]).await.status, 404);
    assert_eq!(world.get("event.invite.rsvp", &email).await.first("rsvp"), "1");
    let accepted = [("eventID", EVENT), ("selection", "accepted-rsvp")];
    assert_eq!(world.get("event.invite.find", &accepted).await.data().len(), 1);
    world.of_person("event.invite.remove", &person).await;
    assert_eq!(world.get("event.invite.get", &email).await.status, 404);
}

#[tokio::test]
async fn what_is_unknown_of_invitations_can_be_had_either_way() {
    let world = World::start().await;
    let sent = async || world.mails().await["sent"].as_u64().unwrap();
    world.variants(json!({ "second_invite": "silent" })).await;
    world.invite("ana@contoso.example").await;
    assert_eq!((world.invite("ana@contoso.example").await.status, sent().await), (200, 1));
    world.variants(json!({ "second_invite": "refused" })).await;
    assert_eq!((world.invite("ana@contoso.example").await.status, sent().await), (406, 1));
    world.variants(json!({ "invite_mails": false })).await;
    assert_eq!((world.invite("bo@contoso.example").await.status, sent().await), (200, 1));
    world.variants(json!({ "invite_mail_attribute": "sendEmail" })).await;
    let quiet = [("email", "cleo@contoso.example"), ("sendEmail", "0")];
    assert_eq!(world.post("event.invite.create", &[("eventID", EVENT)], &quiet).await.status, 200);
    assert_eq!(sent().await, 1);
    let named = [("email", "dee@contoso.example"), ("firstName", "Dee"), ("lastName", "Lund"), ("company", "Contoso")];
    let invite = async || world.post("event.invite.create", &[("eventID", EVENT)], &named).await;
    world.variants(json!({})).await;
    assert_eq!(invite().await.status, 501);
    world.variants(json!({ "invite_takes_names": true })).await;
    assert_eq!(invite().await.first("name"), "Dee Lund");
    world.variants(json!({ "invite_get_blind": true })).await;
    let email = [("eventID", EVENT), ("email", "dee@contoso.example")];
    assert_eq!(world.get("event.invite.get", &email).await.status, 400);
    world.variants(json!({ "query_attributes_in_body": false })).await;
    assert_eq!(world.post("event.invite.get", &email[..1], &email[1..]).await.status, 400);
}

#[tokio::test]
async fn people_are_put_on_lists() {
    let world = World::start().await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let list = world.post("list.create", &[("eventID", EVENT)], &[("name", "VIP")]).await.first("listID");
    let person = [("listID", list.as_str()), ("personID", id.as_str())];
    world.get("list.person.bind", &person).await;
    world.get("list.person.bind", &person).await;
    assert_eq!(world.get("list.person.find", &[("listID", &list)]).await.all("email"), ["ana@contoso.example"]);
    assert_eq!(world.get("list.find", &[("eventID", EVENT), ("personID", &id)]).await.all("name"), ["VIP"]);
    assert_eq!(world.get("list.find", &[("companyID", "100")]).await.data().len(), 0);
    world.get("list.person.dismiss", &person).await;
    assert_eq!(world.get("list.person.find", &[("listID", &list)]).await.data().len(), 0);
}
