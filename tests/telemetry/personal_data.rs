//! A whole event of people and secrets that are marked, and whatever goes wrong with it: no mark is in anything that the connector tells.

use std::time::Duration;

use inevent_d365::{
    functions::{EVENTS_QUEUE, HYDRATE_QUEUE},
    queue::{
        AzureBlobBodies, PutOptions,
        envelope::{self, History},
    },
    telemetry::redaction::WITHHELD,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    insights::{IDENTITY_HEADER, TOKEN},
    world::{FUNCTION_KEY, WEBHOOK_KEY, World, lines, said},
};

/// In every value that is a person's or secret, in whatever case.
const MARK: &str = "zyx";
const TRACEPARENT: &str = "00-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const WRONG_KEY: &str = "zyx-wrong-key-0123456789abcdefABCDEF";
const WRONG_SECRET: &str = "zyx-wrong-secret";

fn person(n: usize) -> Value {
    json!({
        "id": format!("{n}"), "email": format!("zyxmail{n}@zyxdomain.example"), "first_name": format!("Zyxfirst{n}"),
        "last_name": format!("Zyxlast{n}"), "company": "Zyxcompany", "job_title": "Zyxtitle", "phone": "+49 30 zyx 12",
    })
}

fn event(kind: &str, n: usize, second: u8) -> Value {
    json!({
        "id": format!("{kind}-{n}"), "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": kind,
        "event": { "id": "4712", "name": "Partner Day" }, "participant": person(n), "answers": { "Budget": "Zyxanswer" },
    })
}

/// InEvent's event with people, a session and answers, and webhooks about them.
async fn in_inevent(world: &World, host: &inevent_d365::local::host::Host) -> String {
    let company = world.sandbox.connection().inevent.company_id.clone();
    let (begin, end) = (Timestamp::now().as_second() - 3_600, Timestamp::now().as_second() + 3_600);
    let times = [("name", "Summer Day"), ("dateBegin", &begin.to_string()), ("dateEnd", &end.to_string())];
    let made = world.inevent("company.event.bind", &[("companyID", &company)], &times).await;
    let event = made["eventID"].as_str().unwrap().to_owned();
    let here = [("eventID", event.as_str())];
    let question = world.inevent("feedback.create", &here, &[("text", "Budget"), ("type", "text")]).await;
    let field = question["apiField"].as_str().unwrap().to_owned();
    for n in 20..24 {
        let (first, mail) = (format!("Zyxfirst{n} Zyxlast{n}"), format!("zyxmail{n}@zyxdomain.example"));
        let who = [("name", first.as_str()), ("username", &mail), ("company", "Zyxcompany"), (&field, "Zyxanswer")];
        let bound = world.inevent("event.person.bind", &here, &who).await;
        let id = bound["personID"].as_str().unwrap().to_owned();
        for kind in ["event_enrollment", "event_check_in"] {
            if kind == "event_check_in" {
                world.inevent("checklog.checkIn", &here, &[("code", &id)]).await;
            }
            let body = json!({ "type": kind, "eventID": event, "personID": id, "timestamp": Timestamp::now().as_second(),
                "person": { "personID": id, "name": first, "email": mail, "company": "Zyxcompany" } });
            assert_eq!(world.webhook(host, WEBHOOK_KEY, &body).await, 202);
        }
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_told_holds_a_mark() {
    let world = World::start().await;
    world.vary("variants", json!({ "rate_limit_per_second": 0, "rate_limit_per_machine": 0 })).await;
    // A contact whom the events match, and a list of people to invite, some of whom cannot be.
    let contact =
        json!({ "firstname": "Zyxfirst1", "lastname": "Zyxlast1", "emailaddress1": "zyxmail1@zyxdomain.example" });
    world.make("contacts", contact).await;
    let list = world.make("lists", json!({ "listname": "Zyxlist", "createdfromcode": 2, "type": false })).await;
    for (n, mail) in [(30, "zyxmail30@zyxdomain.example"), (31, "zyx o'mail@zyxdomain.example"), (32, "zyxnobody")] {
        let member = json!({ "firstname": format!("Zyxfirst{n}"), "lastname": "Zyxlast", "emailaddress1": mail });
        let id = world.make("contacts", member).await;
        world.make(&format!("lists({list})/Microsoft.Dynamics.CRM.AddMemberList"), json!({ "EntityId": id })).await;
    }
    let host = world.host(&[]).await;

    // Webhooks, the API, invitations, reconcile.
    let inevent = in_inevent(&world, &host).await;
    world.settings(&json!({ "version": 1, "events": { (inevent.as_str()): { "invitations": { "lists": [list] } } } }));
    world.vary("faults", json!({ "kind": "unavailable", "count": 1 })).await;
    assert_eq!(world.webhook(&host, WRONG_KEY, &json!({ "person": person(9) })).await, 401);
    assert_eq!(world.webhook(&host, WEBHOOK_KEY, &json!({ "type": "zyxunknown", "person": person(9) })).await, 202);
    assert_eq!(world.webhook(&host, WEBHOOK_KEY, &json!("zyxnonsense")).await, 202);

    // Events: good ones, one that Dynamics refuses, bad ones, no key, faults of Dataverse.
    let mut events: Vec<Value> = (1..6).map(|n| event("registered", n, 1)).collect();
    events.extend((1..4).map(|n| event("checked_in", n, 2)));
    let mut refused = event("registered", 7, 1);
    refused["event"]["begin"] = "1600-01-01T00:00:00Z".into();
    events.push(refused);
    for fault in [
        json!({ "kind": "throttle", "count": 2, "retry_after": 1 }),
        json!({ "kind": "expired_token", "count": 1, "skip": 2 }),
        json!({ "kind": "unavailable", "count": 2, "skip": 2 }),
        json!({ "kind": "reset_after", "count": 1, "skip": 3 }),
    ] {
        world.fail(fault).await;
    }
    assert_eq!(world.send(&host, &events.into(), TRACEPARENT).await, 202);
    let mut bad = event("registered", 8, 1);
    bad["participant"]["email"] = "zyx is no address".into();
    assert_eq!(world.send(&host, &bad, TRACEPARENT).await, 400);
    let url = format!("{}/api/events?code={WRONG_KEY}&email=zyxmail1@zyxdomain.example", host.url());
    assert_eq!(world.http.post(url).json(&event("registered", 8, 1)).send().await.unwrap().status(), 401);

    // Poison, and what is no message.
    let bodies = AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap();
    let history = History::new(Timestamp::now(), None);
    for (n, name) in [EVENTS_QUEUE, HYDRATE_QUEUE].into_iter().enumerate() {
        let poison = world.queue(&format!("{name}-poison")).await;
        let poisoned = [event("registered", 50 + n, 1)];
        envelope::put(&*poison, &bodies, &history, &poisoned, PutOptions::default()).await.unwrap();
        let queue = world.queue(name).await;
        queue.put(&format!("Zyxfirst Zyxlast zyxmail@zyxdomain.example {n}"), PutOptions::default()).await.unwrap();
        let nonsense =
            [json!({ "zyx": n, "why": "Zyxfirst" }), json!({ "zyx": format!("Zyxfirst {n} ").repeat(20_000) })];
        envelope::put(&*queue, &bodies, &history, &nonsense, PutOptions::default()).await.unwrap();
    }
    world.until(&host, "all that cannot be written is parked", || async { world.parked().await == 11 }).await;
    world.drained(&host).await;
    for timer in ["PullMarketingLists", "ReconcileEvents", "FlushActivities"] {
        host.run_timer(timer).await.unwrap();
    }
    world.drained(&host).await;
    let invited = |line: &Value| line["invited"].as_u64() > Some(0);
    world.until(&host, "somebody is invited", || async { lines(&host).iter().any(invited) }).await;
    assert!(world.table("new_eventattendance").await.len() >= 5 + 4);
    let mut told = health(&world, &host).await;
    told.push_str(&everything(&host));
    host.stop().await;

    // A secret that is wrong, for Dataverse and for InEvent; storage that is; and what is asked for in vain.
    for (setting, wrong) in [
        ("DATAVERSE_CLIENT_SECRET", WRONG_SECRET),
        ("INEVENT_TOKEN", "zyx-wrong-token-0123456789abcdefABCDEF"),
        (
            "AzureWebJobsStorage",
            "DefaultEndpointsProtocol=http;AccountName=elsewhere;AccountKey=enl4enl4;QueueEndpoint=http://127.0.0.1:9/elsewhere",
        ),
    ] {
        let host = world.host(&[(setting, wrong)]).await;
        world.send(&host, &event("updated", 1, 9), TRACEPARENT).await;
        world
            .webhook(&host, WEBHOOK_KEY, &json!({ "type": "event_enrollment", "eventID": inevent, "personID": "1" }))
            .await;
        if setting != "AzureWebJobsStorage" {
            let held = || async { health(&world, &host).await.contains("\"held") };
            world.until(&host, "it is held", held).await;
        }
        for timer in ["PullMarketingLists", "ReconcileEvents", "FlushActivities"] {
            let _ = host.run_timer(timer).await;
        }
        told.push_str(&health(&world, &host).await);
        told.push_str(&everything(&host));
        host.stop().await;
    }

    let posted: String = world.insights.posts().iter().flat_map(|(_, items)| items).map(Value::to_string).collect();
    assert!(posted.contains("RemoteDependencyData") && posted.contains("RequestData") && posted.contains("MetricData"));
    told.push_str(&posted);
    let urls = world.proxy.urls();
    for part in ["$batch", "/oauth2/v2.0/token", "action=event.person.find", "/inevent-events/messages", "/v2.1/track"]
    {
        assert!(urls.iter().any(|url| url.contains(part)), "nothing of {part} went through the proxy");
    }
    told.push_str(&urls.join("\n"));

    let dataverse = world.sandbox.connection();
    let secrets = [
        MARK,
        "zyxdomain",
        FUNCTION_KEY,
        WEBHOOK_KEY,
        WRONG_KEY,
        WRONG_SECRET,
        TOKEN,
        IDENTITY_HEADER,
        "enl4enl4",
        &dataverse.client_secret,
        &dataverse.inevent.token,
        &world.storage_key(),
        WITHHELD,
    ]
    .map(str::to_lowercase);
    let leaks: Vec<&str> = told
        .lines()
        .filter(|line| {
            let line = line.to_lowercase();
            secrets.iter().any(|secret| line.contains(secret.as_str()))
        })
        .take(10)
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");

    // In lines of ours nothing is to have had to be taken out either; other crates tell of keys in URLs, at the level `debug`.
    let ours = |line: &&str| {
        ["\"target\":\"inevent_d365", "\"target\":\"outcome\""].iter().any(|target| line.contains(target))
    };
    let taken_out: Vec<&str> =
        told.lines().filter(ours).filter(|line| line.contains("[address]") || line.contains("[secret]")).collect();
    assert!(taken_out.is_empty(), "{taken_out:#?}");
}

async fn health(world: &World, host: &inevent_d365::local::host::Host) -> String {
    let mut told = String::new();
    for accept in ["application/json", "text/html"] {
        let request = world.http.get(format!("{}/api/health", host.url())).header("x-functions-key", FUNCTION_KEY);
        let answer = request.header("accept", accept).timeout(Duration::from_secs(60)).send().await.unwrap();
        told.push_str(&answer.text().await.unwrap());
        told.push('\n');
    }
    told
}

/// What handler and host said, on whatever way.
fn everything(host: &inevent_d365::local::host::Host) -> String {
    let lines: Vec<String> = host.lines().into_iter().map(|line| line.text).collect();
    assert!(lines.len() > 5, "{}", said(host));
    lines.join("\n") + "\n"
}
