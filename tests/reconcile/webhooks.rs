//! From a marketing list to no-shows: people are invited, webhooks tell what they do, of which a fifth is lost, a fifth comes twice and
//! none in order, InEvent does not answer when the event ends, and reconcile looks. The CRM ends as InEvent has it, and nobody who
//! attended was ever called a no-show.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use inevent_d365::{
    functions::{App, DESK_STORAGE, EVENTS_QUEUE, HYDRATE_QUEUE, routes},
    model::ParticipantEvent,
    queue::{
        Queues, SqliteQueues,
        envelope::{Content, Envelope},
    },
    reconcile::outlet::Outlet,
};
use serde_json::json;

use crate::{
    life::variants_of_inevent,
    world::{ATTENDED, CANCELLED, HOUR, KEYNOTE, NO_SHOW, REGISTERED, World},
};

const KEY: &str = "a-key-that-nobody-guesses";
const PATIENCE: Duration = Duration::from_secs(60);
const TYPES: [&str; 9] = [
    "event_enrollment",
    "event_enrollment_update",
    "event_dismissal",
    "event_check_in",
    "event_check_out",
    "activity_enrollment",
    "activity_dismissal",
    "activity_check_in",
    "end_of_event",
];

/// The functions that webhooks go through, without a host.
struct Functions {
    app: Arc<App>,
    queues: SqliteQueues,
}

impl Functions {
    async fn start(world: &World, hooks: serde_json::Value) -> Self {
        let (dataverse, file) = (world.sandbox.connection().clone(), world.file("store.db"));
        let settings = [
            (DESK_STORAGE, file.clone()),
            ("INEVENT_D365_SETTINGS", world.file("settings.json")),
            ("INEVENT_API_URL", dataverse.inevent.url.clone()),
            ("INEVENT_TOKEN", dataverse.inevent.token.clone()),
            ("INEVENT_COMPANY_ID", dataverse.inevent.company_id.clone()),
            ("INEVENT_WEBHOOK_KEYS", KEY.to_owned()),
            ("DATAVERSE_URL", dataverse.http.clone()),
            ("DATAVERSE_TOKEN_URL", dataverse.token_url.clone()),
            ("DATAVERSE_TENANT_ID", dataverse.tenant.clone()),
            ("DATAVERSE_CLIENT_ID", dataverse.client_id.clone()),
            ("DATAVERSE_CLIENT_SECRET", dataverse.client_secret.clone()),
        ];
        let lookup =
            move |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let app = App::new(lookup, 4);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/inevent/webhook/main?key={KEY}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(routes(app.clone())).incoming(listener).run());
        for kind in TYPES {
            let url = format!(
                "{url}&trigger={}",
                if kind == "end_of_event" { "event-end".into() } else { kind.replace('_', "-") }
            );
            let company = [("companyID", dataverse.inevent.company_id.as_str())];
            world.inevent("webhook.create", &company, &[("type", kind), ("url", &url)]).await;
        }
        world.inevent_admin("POST", "webhooks", hooks).await;
        Self { app, queues: SqliteQueues::open(&file).unwrap() }
    }

    /// Lets everything that InEvent sent arrive in the CRM, the events in any order.
    async fn arrive(&self, world: &World) {
        let sent = async {
            while world.inevent_admin("GET", "deliveries", json!(null)).await["counts"]["pending"] != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, sent).await.unwrap();
        let hydrate = self.queues.queue(HYDRATE_QUEUE).unwrap();
        hydrate.create().await.unwrap();
        loop {
            let received = hydrate.receive(32, PATIENCE).await.unwrap();
            if received.is_empty() {
                break;
            }
            let settling = received.iter().map(|message| async {
                let data =
                    json!({ "Data": { "msg": STANDARD.encode(&message.text) }, "Metadata": { "DequeueCount": 1 } });
                let request = warp::test::request().method("POST").path("/HydrateEvents").body(data.to_string());
                assert_eq!(request.reply(&routes(self.app.clone())).await.status(), 200);
                hydrate.delete(&message.receipt).await.unwrap();
            });
            futures_util::future::join_all(settling).await;
        }
        let queue = self.queues.queue(EVENTS_QUEUE).unwrap();
        let mut events = Vec::new();
        while let Some(messages) = Some(queue.receive(32, PATIENCE).await.unwrap()).filter(|found| !found.is_empty()) {
            for message in messages {
                let Content::Items(items) = Envelope::parse(&message.text).unwrap().content else { panic!() };
                events.extend(items.into_iter().map(|item| serde_json::from_value::<ParticipantEvent>(item).unwrap()));
                queue.delete(&message.receipt).await.unwrap();
            }
        }
        // By their ids, which are hashes: in no order.
        events.sort_by(|a, b| a.id.cmp(&b.id));
        for batch in events.chunks(3) {
            world.outlet.put(batch.to_vec()).await.unwrap();
        }
    }
}

/// Whom the CRM knows and has on a list; `kim` does not come, `lou` wants no mail.
const ON_THE_LIST: [&str; 6] = ["ana", "cho", "fay", "ida", "kim", "lou"];

async fn live(body: &str, variant: serde_json::Value, seed: u64) {
    let case = format!("{body} {variant}");
    let world = World::start(json!({}), variant).await;
    let hooks =
        json!({ "body": body, "loss": 0.2, "duplication": 0.2, "shuffle_ms": 200, "parallel": 4, "seed": seed });
    let functions = Functions::start(&world, hooks).await;
    let contacts = world.contacts(&ON_THE_LIST, "lou").await;
    let list = world.list(contacts.values()).await;
    assert_eq!(world.invite(list).await.sent, 5, "{case}");

    let mut people = BTreeMap::new();
    for name in ["ana", "ben", "cho", "dan", "eva", "fay", "gil", "hal", "ida", "jon"] {
        people.insert(name, world.register(name).await);
    }
    for name in ["ben", "cho"] {
        world.inevent("activity.person.bind", &[("activityID", KEYNOTE), ("personID", &people[name])], &[]).await;
    }
    functions.arrive(&world).await;
    for name in ["ida", "jon"] {
        world.about("event.person.dismiss", &people[name]).await;
    }
    functions.arrive(&world).await;
    world.round().await;

    world.go_to(HOUR / 2).await;
    for name in ["ana", "ben", "dan", "eva"] {
        world.check("In", &people[name], None).await;
    }
    world.check("In", &people["cho"], Some(KEYNOTE)).await;
    functions.arrive(&world).await;
    let attended = ["ana", "ben", "cho", "dan", "eva"];
    let nobody_wronged = async |when: &str| {
        for name in attended {
            let row = world.row(&people[name], None).await;
            assert!(row.is_none_or(|(_, attendance)| attendance != NO_SHOW), "{name} {when}");
        }
    };
    nobody_wronged("at the event").await;

    // The event ends, InEvent says so, and then does not answer for a while.
    world.go_to(8 * HOUR + 60).await;
    world.inevent_admin("POST", "clock", json!({ "advance_s": 1 })).await;
    functions.arrive(&world).await;
    nobody_wronged("when the webhook says that it is over").await;
    world.inevent_admin("POST", "faults", json!({ "kind": "unavailable", "count": 2 })).await;
    assert!(world.try_round().await.is_err());
    nobody_wronged("in the outage").await;
    world.inevent_admin("DELETE", "faults", json!(null)).await;
    world.later(120).await;
    world.round().await;

    for (name, person) in &people {
        let expected = match *name {
            "ida" | "jon" => (CANCELLED, None),
            name if attended.contains(&name) => (REGISTERED, ATTENDED),
            _ => (REGISTERED, NO_SHOW),
        };
        match world.row(person, None).await {
            Some(row) => assert_eq!(row, expected, "{name} {case}"),
            // Of whom no webhook told before they were gone, there is nothing to say.
            None => assert_eq!(expected.0, CANCELLED, "{name} {case}"),
        }
    }
    for (name, expected) in [("ben", NO_SHOW), ("cho", ATTENDED)] {
        assert_eq!(world.row(&people[name], Some(KEYNOTE)).await, Some((REGISTERED, expected)), "{name} {case}");
    }
    let counts = world.inevent_admin("GET", "deliveries", json!(null)).await["counts"].clone();
    assert!(counts["lost"].as_u64() > Some(0) && counts["delivered"].as_u64() > Some(10), "{counts}");
    let leads = world.rows("lead").await;
    let of =
        |name: &str| leads.iter().filter(|lead| lead["emailaddress1"] == format!("{name}@fabrikam.example")).count();
    assert!(people.keys().all(|name| of(name) <= 1), "{case}");

    // Whoever was invited is still the contact that they were on the list, and was mailed once.
    let rows = world.rows("new_eventattendance").await;
    for (name, contact) in &contacts {
        assert_eq!(of(name), 0, "{name} {case}");
        let Some(person) = people.get(name.as_str()) else { continue };
        let theirs = rows.iter().filter(|row| row["new_participantid"] == *person);
        let other =
            theirs.map(|row| row["_regardingobjectid_value"].as_str()).find(|regarded| *regarded != Some(contact));
        assert_eq!(other, None, "{name} {case}");
    }
    assert_eq!(world.invite(list).await.sent, 0, "{case}");
    let mails = world.inevent_admin("GET", "mails?kind=invitation", json!(null)).await;
    let mut mailed: Vec<&str> =
        mails["mails"].as_array().unwrap().iter().filter_map(|mail| mail["to"].as_str()).collect();
    mailed.sort_unstable();
    assert_eq!(mailed, ["ana", "cho", "fay", "ida", "kim"].map(|name| format!("{name}@fabrikam.example")), "{case}");
    world.sandbox.stop().await;
}

/// Each shape of body under three of what InEvent does not publish, each of that under two shapes.
async fn live_under(body: &str, variants: [usize; 3]) {
    for number in variants {
        live(body, variants_of_inevent().swap_remove(number), 11 + number as u64).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thin_bodies() {
    live_under("thin", [0, 1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rich_bodies() {
    live_under("rich", [3, 4, 5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_bodies() {
    live_under("nested", [0, 2, 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms() {
    live_under("form", [1, 3, 5]).await;
}
