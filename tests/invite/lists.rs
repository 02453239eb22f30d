//! Lists that are looked at, and lists that need not be.

use inevent_d365::invite::State;
use serde_json::{Value, json};

use crate::{
    crm::{contact, dynamic, join, leave, list, named},
    world::{World, run, settings},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_list_costs_one_call_and_a_new_member_is_noticed() {
    let world = World::start().await;
    let list = list(&world, 2, &[named(&world, "ana").await]).await;
    let settings = settings(json!({ "lists": [list] }));
    let (inviter, dataverse) = world.inviter_at(&world.standin.connection().url);
    run(&inviter, &settings).await;
    let (before, (_, asked)) = (dataverse.calls(), world.pace().await);
    let report = run(&inviter, &settings).await;
    assert_eq!((dataverse.calls() - before, world.pace().await.1 - asked), (1, 0));
    assert!(!report.lists[0].looked && report.lists[0].counts.invited == 1);

    let ben = named(&world, "ben").await;
    join(&world, &list, 2, std::slice::from_ref(&ben)).await;
    assert_eq!(run(&inviter, &settings).await.sent, 1);
    // One in, one out: the count is the same.
    leave(&world, &list, &ben).await;
    join(&world, &list, 2, &[named(&world, "cid").await]).await;
    assert_eq!(run(&inviter, &settings).await.sent, 1);
    assert_eq!(world.mailed().await, ["ana", "ben", "cid"].map(|name| format!("{name}@x.example")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_list_is_what_its_query_finds_page_by_page() {
    let world = World::start().await;
    for (name, city) in [("ana", "Lisboa"), ("ben", "Porto & more"), ("cid", "Porto & more")] {
        let row = json!({ "lastname": name, "emailaddress1": format!("{name}@x.example"), "address1_city": city });
        contact(&world, row).await;
    }
    let query = r#"<fetch version="1.0" output-format="xml-platform" mapping="logical" distinct="false" count="1">
        <entity name="contact"><attribute name="fullname" /><order attribute="fullname" descending="false" />
        <filter type="and"><condition attribute="address1_city" operator="eq" value="Porto &amp; more" /></filter></entity></fetch>"#;
    let list = dynamic(&world, 2, query).await;
    let report = world.pull(json!({ "lists": [list] })).await;
    assert_eq!((report.sent, report.lists[0].counts.members), (2, 2), "{report:?}");
    assert_eq!(world.mailed().await, ["ben@x.example", "cid@x.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_list_of_more_than_a_page_is_read_to_its_end() {
    let world = World::start().await;
    for start in (0..6_000).step_by(1_000) {
        let rows: Vec<Value> = (start..start + 1_000)
            .map(|number| json!({ "@odata.type": "Microsoft.Dynamics.CRM.contact", "lastname": format!("P{number}") }))
            .collect();
        world.crm("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", json!({ "Targets": rows })).await;
    }
    let list = dynamic(&world, 2, "<fetch><entity name='contact'><all-attributes/></entity></fetch>").await;
    let report = world.pull(json!({ "lists": [list] })).await;
    assert_eq!(report.lists[0].counts.skipped.values().sum::<u64>(), 6_000, "{report:?}");
    assert_eq!(report.lists[0].counts.members, 6_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_says_what_to_do_and_holds_no_other() {
    let world = World::start().await;
    let good = list(&world, 2, &[named(&world, "ana").await]).await;
    let accounts = list(&world, 1, &[]).await;
    let wrong = dynamic(&world, 2, "<fetch><entity name='lead'/></fetch>").await;
    let closed = list(&world, 2, &[]).await;
    world.crm("PATCH", &format!("lists({closed})"), json!({ "statecode": 1, "statuscode": 1 })).await;
    let missing = "00000000-0000-0000-0000-00000000dead";
    let report = world.pull(json!({ "lists": [missing, accounts, wrong, closed, good] })).await;
    let told = |id: &str| {
        let found = report.lists.iter().find(|list| list.list.to_string() == id).unwrap();
        found.trouble.as_ref().map(|trouble| trouble.problem.clone()).unwrap_or_default()
    };
    for (id, problem) in [
        (missing, "no such list"),
        (&accounts, "neither contacts nor leads"),
        (&wrong, "not about the kind"),
        (&closed, "inactive"),
    ] {
        assert!(told(id).contains(problem), "{problem}: {}", told(id));
    }
    assert_eq!((told(&good), world.mailed().await.len()), (String::new(), 1));
    assert_eq!(world.states().await, [State::Invited]);
}
