//! A client secret that is rotated while events flow.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::deployment::{APPLICATION, Deployment, SECRET_NAME};

/// Registrations of one person each, one after the other, until it is told to end.
async fn stream(deployment: &Deployment, sent: &AtomicUsize, ended: &AtomicBool) {
    let mut every = tokio::time::interval(Duration::from_millis(30));
    while !ended.load(Ordering::Relaxed) {
        every.tick().await;
        let number = sent.load(Ordering::Relaxed);
        let event = json!([{
            "id": format!("r{number}"), "time": "2026-05-12T09:00:00Z", "kind": "registered",
            "event": { "id": "4711", "name": "Partner Day 2026" },
            "participant": { "id": format!("p{number}"), "email": format!("p{number}@contoso.example"), "last_name": "Doe" },
        }]);
        deployment.send(&event).await;
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// The participants that rows are of, each with how many.
async fn written(deployment: &Deployment) -> BTreeMap<String, usize> {
    let mut written = BTreeMap::new();
    let path = "new_eventattendances?$select=new_participantid&$filter=new_eventid eq '4711'";
    for row in deployment.crm("GET", path, Value::Null).await["value"].as_array().unwrap() {
        *written.entry(row["new_participantid"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    written
}

impl Deployment {
    async fn enter(&self, method: &str, secret: Value) {
        self.admin(method, &format!("applications/{APPLICATION}/secrets"), secret).await;
    }

    /// Has every token expire, and waits until what is sent from now on is written.
    async fn flows_on(&self, sent: &AtomicUsize) {
        self.expire().await;
        let newest = format!("p{}", sent.load(Ordering::Relaxed) + 1);
        self.until("events flow on", async || written(self).await.contains_key(&newest)).await;
    }

    async fn expire(&self) {
        self.admin("POST", "clock", json!({ "advance_s": 3_700 })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_in_either_order_while_events_flow_and_none_is_lost_or_doubled() {
    let deployment = Deployment::start("client-secret").await;
    let (sent, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let rotation = async {
        deployment.flows_on(&sent).await;

        // As it should be done: Entra learns the new one first, and forgets the old one last.
        deployment.enter("POST", json!({ "secret": "second" })).await;
        deployment.flows_on(&sent).await;
        deployment.vault.keep(SECRET_NAME, "second");
        deployment.enter("DELETE", Value::Null).await;
        deployment.enter("POST", json!({ "secret": "second" })).await;
        deployment.flows_on(&sent).await;

        // The other way round: the vault has one that Entra does not know yet.
        deployment.vault.keep(SECRET_NAME, "third");
        deployment.flows_on(&sent).await;
        deployment.enter("DELETE", Value::Null).await;
        deployment.enter("POST", json!({ "secret": "third" })).await;
        deployment.flows_on(&sent).await;

        // Too early: Entra has forgotten the only one that the vault holds. Events wait, and Health says for what.
        deployment.enter("DELETE", Value::Null).await;
        deployment.enter("POST", json!({ "secret": "fourth" })).await;
        deployment.expire().await;
        deployment.until("it is held", async || deployment.health().await.1["held"]["name"] == "credentials").await;
        deployment.vault.keep(SECRET_NAME, "fourth");
        deployment.until("it flows on", async || deployment.health().await.0).await;
        deployment.flows_on(&sent).await;
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(stream(&deployment, &sent, &ended), rotation);
    deployment.drained().await;
    let expected = (0..sent.load(Ordering::Relaxed)).map(|number| (format!("p{number}"), 1));
    assert_eq!(written(&deployment).await, expected.collect());
    deployment.lost_nothing().await;
    deployment.host.stop().await;
}
