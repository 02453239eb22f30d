//! Who of a list's members is invited, and who is not.

use inevent_d365::{
    forget,
    invite::{Run, State},
    model::Address,
};
use serde_json::{Value, json};

use crate::{
    crm::{self, contact, lead, list, named},
    world::{EVENT, World, settings, skipped},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_class_of_members_is_skipped_and_counted() {
    let world = World::start().await;
    let address = |address: &str| json!({ "lastname": "Doe", "emailaddress1": address });
    let with = |address: &str, more: Value| {
        let mut row = json!({ "lastname": "Doe", "emailaddress1": address });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let mut members = vec![named(&world, "ana").await, named(&world, "ben").await];
    for row in [
        json!({ "lastname": "No address" }),
        address("nowhere"),
        address("o'brien@x.example"),
        address("crew@mail.organiser.example"),
        address("registered@x.example"),
        address("invited@x.example"),
        address("forgotten@x.example"),
        address("Ana@x.example"),
        with("quiet@x.example", json!({ "donotemail": true })),
        with("quieter@x.example", json!({ "donotbulkemail": true })),
    ] {
        members.push(contact(&world, row).await);
    }
    let inactive = named(&world, "inactive").await;
    world.crm("PATCH", &format!("contacts({inactive})"), json!({ "statecode": 1, "statuscode": 2 })).await;
    members.push(inactive);
    world.in_inevent("event.person.bind", &[("name", "R"), ("username", "registered@x.example")]).await;
    world.in_inevent("event.invite.create", &[("email", "INVITED@x.example")]).await;
    let now = jiff::Timestamp::now();
    forget::remember(&*world.store, &Address::parse("forgotten@x.example").unwrap(), now).await.unwrap();

    let list = list(&world, 2, &members).await;
    let dry = Run { ends: std::time::Instant::now() + std::time::Duration::from_secs(60), dry: true };
    let looked = world.inviter().run(EVENT, &settings(json!({ "lists": [list] })), dry).await.unwrap();
    assert_eq!((looked.lists[0].counts.invited, looked.sent), (2, 0));
    assert_eq!(world.mailed().await, ["invited@x.example"]);
    assert!(world.remembered().await.is_empty(), "a dry run keeps nothing");

    let report = world.pull(json!({ "lists": [list] })).await;
    let expected = json!({
        "no_address": 1, "not_an_address": 1, "apostrophe": 1, "excluded_domain": 1, "do_not_email": 1,
        "do_not_bulk_email": 1, "inactive": 1, "forgotten": 1, "already_registered": 1, "already_invited": 2,
    });
    assert_eq!(skipped(&report), expected);
    assert_eq!((report.sent, report.lists[0].counts.members, report.lists[0].counts.left), (2, 13, 0));
    assert_eq!(world.mailed().await, ["ana@x.example", "ben@x.example", "invited@x.example"]);
    // No address stands in what is kept.
    let kept = format!("{:?}", world.remembered().await);
    assert!(!kept.contains('@') && !kept.contains("ana"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_are_invited_too_and_an_address_once_for_all_lists() {
    let world = World::start().await;
    let ana = named(&world, "ana").await;
    let mut leads = Vec::new();
    for (name, address) in [("Ana", "ANA@x.example"), ("Cid", "cid@x.example")] {
        leads.push(lead(&world, json!({ "lastname": name, "companyname": "C", "emailaddress1": address })).await);
    }
    let lists = [list(&world, 2, &[ana]).await, list(&world, 4, &leads).await];
    world.inevent("POST", "variants", json!({ "invite_takes_names": true })).await;
    world.pull(json!({ "lists": lists, "names": true })).await;
    assert_eq!(world.mailed().await, ["ana@x.example", "cid@x.example"]);
    let event = world.inevent("GET", "events/4711", Value::Null).await;
    let names: Vec<_> =
        event["invites"].as_array().unwrap().iter().map(|row| (&row["name"], &row["company"])).collect();
    assert!(
        names.contains(&(&json!("ana Doe"), &json!(""))) && names.contains(&(&json!("Cid"), &json!("C"))),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_a_new_address_is_not_invited_again() {
    let world = World::start().await;
    let ana = named(&world, "ana").await;
    let list = list(&world, 2, std::slice::from_ref(&ana)).await;
    world.pull(json!({ "lists": [list] })).await;
    world.crm("PATCH", &format!("contacts({ana})"), json!({ "emailaddress1": "ana.new@x.example" })).await;
    let more = named(&world, "ben").await;
    crm::join(&world, &list, 2, &[more]).await;
    let report = world.pull(json!({ "lists": [list] })).await;
    assert_eq!(skipped(&report), json!({ "already_invited": 1 }));
    assert_eq!(world.mailed().await, ["ana@x.example", "ben@x.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_outright_is_done_where_the_settings_say_so() {
    let world = World::start().await;
    let list = list(&world, 2, &[named(&world, "ana").await]).await;
    world.pull(json!({ "lists": [list], "register": true })).await;
    let event = world.inevent("GET", "events/4711", Value::Null).await;
    assert_eq!(event["people"][0]["email"], "ana@x.example");
    assert!(world.mailed().await.is_empty());
    assert_eq!(world.inevent("GET", "credits", Value::Null).await["spent"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_kept_in_the_crm_and_written_only_where_it_differs() {
    let world = World::start().await;
    let (ana, ben) = (named(&world, "ana").await, named(&world, "ben").await);
    let list = list(&world, 2, &[ana.clone(), ben.clone()]).await;
    world.inevent("POST", "variants", json!({ "invite_mail_attribute": "sendMail" })).await;
    let link =
        json!({ "lists": [list], "send": "link", "quiet_attribute": "sendMail", "link": { "contact": "websiteurl" } });
    world.pull(link.clone()).await;
    assert!(world.mailed().await.is_empty());
    let row = |id: &str| format!("contacts({id})?$select=websiteurl,versionnumber");
    let ana_row = world.crm("GET", &row(&ana), Value::Null).await;
    assert!(ana_row["websiteurl"].as_str().unwrap().contains("/4711/invite/"), "{ana_row}");
    // A full look finds nothing to write.
    world.pull(json!({ "lists": [list], "send": "link", "quiet_attribute": "sendMail", "link": { "contact": "websiteurl" }, "max_per_run": 9 })).await;
    assert_eq!(world.crm("GET", &row(&ana), Value::Null).await["@odata.etag"], ana_row["@odata.etag"]);
    assert_eq!(world.states().await, [State::Invited, State::Invited]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_over_or_unknown_takes_nobody() {
    let world = World::start().await;
    let list = list(&world, 2, &[named(&world, "ana").await]).await;
    let run = Run { ends: std::time::Instant::now() + std::time::Duration::from_secs(60), dry: false };
    let report = world.inviter().run("99", &settings(json!({ "lists": [list] })), run).await.unwrap();
    assert!(report.lists[0].trouble.as_ref().unwrap().problem.contains("no such event"));
    let past = [("key", "dateEnd"), ("value", "1600000000")];
    let query = [("action", "event.edit"), ("eventID", EVENT), ("key", past[0].1), ("format", "json")];
    let known = world.standin.connection();
    let edit = world.http.post(&known.url).query(&query).bearer_auth(&known.token).form(&past[1..]);
    assert!(edit.send().await.unwrap().status().is_success());
    let report = world.pull(json!({ "lists": [list] })).await;
    assert!(report.lists[0].trouble.as_ref().unwrap().problem.contains("over"), "{report:?}");
    assert!(world.mailed().await.is_empty());
}
