//! What the connector sends, byte by byte: rules, plug-ins and flows of the CRM are never bypassed.

use std::sync::{Arc, Mutex};

use inevent_d365::{
    settings::Prefix,
    store::SqliteStore,
    sync::{
        DataverseCrm,
        engine::Engine,
        lists::{DataverseLists, Lists},
        outcome::Outcome,
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::world::{World, fixed, read, registered};

/// Passes on whatever comes, and keeps what went to the CRM.
struct Tee {
    url: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Tee {
    async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (to, sent) = (to.trim_start_matches("http://").trim_end_matches('/').to_owned(), Arc::default());
        let kept = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_crm, to_crm) = TcpStream::connect(&to).await.unwrap().into_split();
                tokio::spawn(pass(from_client, to_crm, Some(Arc::clone(&kept))));
                tokio::spawn(pass(from_crm, to_client, None));
            }
        });
        Self { url, sent }
    }

    /// Everything that was sent, in lower case.
    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.sent.lock().unwrap()).to_lowercase()
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, kept: Option<Arc<Mutex<Vec<u8>>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if let Some(kept) = &kept {
            kept.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Headers by which a client keeps logic of the CRM from running (Microsoft: "Bypass custom Dataverse logic", "Detect duplicate data
/// using the Web API").
const BYPASSES: [&str; 6] = [
    "bypasscustompluginexecution",
    "bypassbusinesslogicexecution",
    "bypassbusinesslogicexecutionstepids",
    "suppresscallbackregistrationexpanderjob",
    "suppressduplicatedetection: true",
    "suppressduplicatedetection:true",
];

#[tokio::test]
async fn nothing_is_bypassed_and_duplicates_are_looked_for_where_a_key_changes_only() {
    let world = World::start(json!({})).await;
    let tee = Tee::start(&world.sandbox.connection().http).await;
    let list = world.add("lists", json!({ "listname": "Here", "createdfromcode": 4, "type": false })).await;
    let settings = json!({
        "version": 1,
        "defaults": { "list_rules": [{ "name": "seen", "when": "attended", "lead_list": list, "remove": true }] },
    });
    let (client, store) = (world.client_by(&tee.url), Arc::new(SqliteStore::open(":memory:").unwrap()));
    let lists = Lists::new(Arc::new(DataverseLists::new(client.clone())), store.clone());
    let crm = Arc::new(DataverseCrm::new(client, &Prefix::default()));
    let engine = Engine::new(crm, store, "t".into()).with_settings(fixed(&settings.to_string())).with_lists(lists);
    let said = async |event: Value| {
        let outcomes = engine.run(&[read(&event)]).await.outcomes;
        assert!(matches!(outcomes[..], [Outcome::Settled { .. }]), "{outcomes:?}");
    };
    let ana = |second, kind: &str, email: &str, title: &str| {
        let mut event = registered(second, json!({ "id": "1", "email": email, "job_title": title }));
        event["kind"] = json!(kind);
        event
    };
    said(ana(1, "registered", "a@x.example", "Head")).await;
    said(ana(2, "updated", "a@x.example", "Chief")).await;
    said(ana(3, "checked_in", "a@x.example", "Chief")).await;
    said(ana(4, "check_in_taken_back", "a@x.example", "Chief")).await;
    said(ana(5, "updated", "b@x.example", "Chief")).await;
    let closed =
        json!({ "id": "end", "time": "2026-05-01T18:00:00Z", "kind": "event_closed", "event": { "id": "4711" } });
    said(closed).await;
    assert_eq!(world.rows("lead").await[0]["emailaddress1"], "b@x.example");

    let sent = tee.sent();
    // Each request by itself, those of a batch too, with its headers and its body.
    let requests = || sent.split("http/1.1\r\n").zip(sent.split("http/1.1\r\n").skip(1));
    let detecting = |method: &str, column: &str| -> Vec<bool> {
        let of = requests().filter(|(before, request)| {
            let line = before.rsplit("\r\n").next().unwrap();
            line.starts_with(method) && line.contains("/leads") && request.contains(&format!("\"{column}\""))
        });
        of.map(|(_, request)| request.contains("mscrm.suppressduplicatedetection: false")).collect()
    };
    assert_eq!(detecting("post", "emailaddress1"), [true], "whoever is created is looked for");
    assert_eq!(detecting("patch", "jobtitle"), [false], "no key changes");
    assert_eq!(detecting("patch", "emailaddress1"), [true], "a key changes");
    for bypass in BYPASSES {
        assert!(!sent.contains(bypass), "{bypass}");
    }
    assert!(sent.contains("addlistmemberslist"), "the list was kept");
}
