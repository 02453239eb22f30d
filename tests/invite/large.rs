//! Long lists: calls are counted.

use inevent_d365::invite::Run;
use serde_json::{Value, json};

use crate::{
    crm::{list, named},
    world::{EVENT, World, run, settings},
};

const MEMBERS: usize = 100_000;
/// Of so many members one may be invited.
const ONE_IN: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_members_cost_two_calls_for_five_thousand_and_a_second_look_one() {
    let world = World::start().await;
    let wanted = list(&world, 2, &[]).await;
    let id = |number: usize| uuid::Uuid::from_u128(0x1000_0000 + number as u128).to_string();
    for start in (0..MEMBERS).step_by(1_000) {
        let rows: Vec<Value> = (start..start + 1_000)
            .map(|number| {
                // The others want no bulk mail.
                json!({
                    "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": id(number), "lastname": "P",
                    "emailaddress1": format!("p{number}@x.example"), "donotbulkemail": number % ONE_IN != 0,
                })
            })
            .collect();
        world.crm("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", json!({ "Targets": rows })).await;
        let ids: Vec<String> = (start..start + 1_000).map(id).collect();
        crate::crm::join(&world, &wanted, 2, &ids).await;
    }
    let settings = settings(json!({ "lists": [wanted] }));
    let (inviter, dataverse) = world.inviter_at(&world.standin.connection().url);
    let report = run(&inviter, &settings).await;
    let invited = (MEMBERS / ONE_IN) as u64;
    assert_eq!((report.sent, report.lists[0].counts.members), (invited, MEMBERS as u64), "{report:?}");
    // One look, and for each 5,000 members one call for who they are and one for what the CRM says of them.
    let pages = MEMBERS as u64 / 5_000 + 1;
    assert!(dataverse.calls() <= 1 + 2 * pages, "{} calls", dataverse.calls());
    // The invitations, whether the event is still to come, and a page or two of who is invited and registered.
    let (highest, asked) = world.pace().await;
    assert!(asked <= invited + 5 && highest <= 10, "{asked} calls, {highest} in a second");

    let before = dataverse.calls();
    run(&inviter, &settings).await;
    assert_eq!((dataverse.calls() - before, world.pace().await.1), (1, asked));

    let more = named(&world, "more").await;
    crate::crm::join(&world, &wanted, 2, &[more]).await;
    assert_eq!(run(&inviter, &settings).await.sent, 1);
    assert!(dataverse.calls() - before <= 2 + 2 * pages);

    // A dry run whose time is over says so after the page that it is at.
    let over = Run { ends: std::time::Instant::now(), dry: true };
    let report = inviter.run(EVENT, &settings, over).await.unwrap();
    assert_eq!(report.lists[0].counts.members, 5_000);
    assert!(report.stopped.unwrap().contains("not looked at"));
}
