//! Who left the lists is uninvited where the settings say so, and only then.

use inevent_d365::invite::{self, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    crm::{join, leave, list, named},
    world::World,
};

async fn invited(world: &World) -> usize {
    world.inevent("GET", "events/4711", Value::Null).await["invites"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_left_is_uninvited_once_and_not_invited_again() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for name in ["ana", "ben", "cid"] {
        ids.push(named(&world, name).await);
    }
    let list = list(&world, 2, &ids).await;
    world.pull(json!({ "lists": [list] })).await;
    leave(&world, &list, &ids[0]).await;
    assert_eq!(world.pull(json!({ "lists": [list] })).await.withdrawn, 0);
    assert_eq!(invited(&world).await, 3);

    let withdraw = json!({ "lists": [list], "withdraw": true });
    // Ben left, too, but comes.
    leave(&world, &list, &ids[1]).await;
    world.in_inevent("event.person.bind", &[("name", "Ben"), ("username", "ben@x.example")]).await;
    assert_eq!(world.pull(withdraw.clone()).await.withdrawn, 1);
    assert_eq!(invited(&world).await, 2);
    join(&world, &list, 2, &ids[..1]).await;
    let report = world.pull(withdraw.clone()).await;
    assert_eq!((report.sent, report.withdrawn), (0, 0));
    assert_eq!(world.mailed().await.len(), 3);

    let kept = world.remembered().await.into_iter().find(|kept| kept.invitation.state == State::Withdrawn).unwrap();
    invite::resolve(&*world.store, kept, false, Timestamp::now()).await.unwrap();
    assert_eq!(world.pull(withdraw).await.sent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_list_uninvites_nobody() {
    let world = World::start().await;
    let ana = named(&world, "ana").await;
    let list = list(&world, 2, std::slice::from_ref(&ana)).await;
    let withdraw = json!({ "lists": [list], "withdraw": true });
    world.pull(withdraw.clone()).await;
    leave(&world, &list, &ana).await;
    assert_eq!(world.pull(withdraw).await.withdrawn, 0);
    assert_eq!(invited(&world).await, 1);
}
