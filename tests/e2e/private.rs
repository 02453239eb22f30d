//! What needs InEvent or Dynamics, of a connector whose storage lets nobody in: through its routes the app does it with its own
//! credentials, as far as the role goes, and the command prints what it prints over storage.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use inevent_d365::{
    functions::{ADMIN_SIGN_IN, AUTH_ENABLED},
    local::host::Host,
    manage::{Ask, Ground, ReadBackfill, Stated},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    azure::{Az, CLIENT, refusing, sign_in},
    crm,
    lists::list,
    world::{KEY, World, command, said},
};

const READER: &str = "Connector.Reader";
const ADMIN: &str = "Connector.Admin";

/// What must be in no answer and in no line: the key of the webhooks, and the function key in their URLs.
const WEBHOOK_KEY: &str = "a-key-that-nobody-guesses";
const CODE: &str = "function-key-of-the-webhook";
const APP: &str = "https://contoso.azurewebsites.net";

/// What a command ended with, and what it printed on either stream.
type Ended = (i32, String, String);

struct Private {
    world: World,
    host: Host,
    az: Az,
    routes: SocketAddr,
}

fn of_inevent(world: &World) -> Vec<(&str, &str)> {
    let inevent = &world.sandbox.connection().inevent;
    vec![
        ("INEVENT_API_URL", &inevent.url),
        ("INEVENT_TOKEN", &inevent.token),
        ("INEVENT_COMPANY_ID", &inevent.company_id),
        ("INEVENT_WEBHOOK_KEYS", WEBHOOK_KEY),
    ]
}

impl Private {
    async fn start() -> Self {
        let world = World::start().await;
        world.quiet();
        let signed_in = [(ADMIN_SIGN_IN, CLIENT), (AUTH_ENABLED, "True")];
        let host = world.host_with(&[&of_inevent(&world)[..], &signed_in].concat()).await;
        let (az, routes) = (Az::new(), sign_in(host.url().to_owned()).await);
        az.shows(&[("AzureWebJobsStorage", &refusing("AuthorizationFailure").await), (ADMIN_SIGN_IN, CLIENT)]);
        std::fs::write(az.file("host"), routes.to_string()).unwrap();
        Self { world, host, az, routes }
    }

    /// The settings of the app.
    fn settings(&self) -> Vec<(String, String)> {
        let storage = self.world.connection_string();
        let settings = [("AzureWebJobsStorage", storage.as_str())].into_iter();
        let settings = settings.chain(self.world.way_to_dataverse()).chain(of_inevent(&self.world));
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Over storage.
    async fn here(&self, arguments: &[&str]) -> Ended {
        let settings = self.settings();
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        command(arguments, &settings).await
    }

    /// Through the routes, as somebody with this role.
    async fn there(&self, role: &str, arguments: &[&str]) -> Ended {
        std::fs::write(self.az.file("token"), role).unwrap();
        self.az.command(arguments).await
    }

    /// What both ways print.
    async fn printed(&self, role: &str, arguments: &[&str]) -> Ended {
        let here = self.here(arguments).await;
        let there = self.there(role, arguments).await;
        assert_eq!(there, here, "{arguments:?}; the host said:\n{}", said(&self.host));
        here
    }

    async fn refused_to_readers(&self, arguments: &[&str]) {
        let (code, out, error) = self.there(READER, arguments).await;
        assert!(code == 1 && out.is_empty() && error.contains(ADMIN), "{arguments:?}: {out}{error}");
    }

    /// An answer as it is on the wire, to somebody who may everything.
    async fn answer(&self, name: &str, asked: Value) -> String {
        let request = self.world.http.post(format!("http://{}/api/manage/{name}", self.routes)).bearer_auth(ADMIN);
        let answer = request.json(&asked).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        answer.text().await.unwrap()
    }

    /// Somebody does something in InEvent.
    async fn inevent(&self, action: &str, body: &[(&str, &str)]) {
        let inevent = &self.world.sandbox.connection().inevent;
        let query = [("action", action), ("eventID", "4711"), ("format", "json")];
        let request = self.world.http.post(&inevent.url).query(&query).bearer_auth(&inevent.token).form(body);
        assert!(request.send().await.unwrap().status().is_success());
    }

    async fn inevent_admin(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.world.sandbox.connection().inevent.admin_url);
        let request = self.world.http.request(method, url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_look_at_inevents_webhooks_and_administrators_set_them_up_with_the_key_that_the_app_knows() {
    let private = Private::start().await;
    let (_, events, _) = private.printed(READER, &["inevent", "events", "--json"]).await;
    assert!(events.contains("\"4711\""), "{events}");
    let (_, _, none) = private.printed(READER, &["inevent", "webhooks", "list"]).await;
    assert_eq!(none, "There are no webhooks.\n");

    let register = ["inevent", "webhooks", "register", "--url", APP, "--code", CODE, "--json"];
    let remove = ["inevent", "webhooks", "remove", "--url", APP];
    let learn = ["inevent", "learn", "--json"];
    for refused in [&register[..], &[&register[..], &["--dry-run"]].concat(), &remove, &learn] {
        private.refused_to_readers(refused).await;
    }
    let (_, dry, _) = private.printed(ADMIN, &[&register[..], &["--dry-run"]].concat()).await;
    assert!(dry.lines().all(|line| line.contains("would be set up")), "{dry}");
    // Where the app is named, it need not be said where it answers.
    let unsaid = ["inevent", "webhooks", "register", "--code", CODE, "--dry-run", "--json"];
    assert_eq!(private.there(ADMIN, &unsaid).await.1, dry);
    assert!(private.here(&unsaid).await.2.contains("--app NAME"));
    let (code, made, error) = private.there(ADMIN, &register).await;
    assert!(code == 0 && made.lines().all(|line| line.contains("\"set up\"")), "{made}{error}");
    // Over storage they have the same key, so they are the same webhooks.
    let (_, again, _) = private.printed(ADMIN, &register).await;
    assert!(again.lines().all(|line| line.contains("there already")), "{again}");

    let (_, listed, _) = private.printed(READER, &["inevent", "webhooks", "list", "--json"]).await;
    assert_eq!(listed.lines().count(), made.lines().count());
    assert!(listed.contains("key=…") && listed.contains("trigger=event-dismissal"), "{listed}");
    let (_, learnt, _) = private.printed(ADMIN, &learn[..2]).await;
    assert!(learnt.contains("type=event_check_in") && learnt.contains("Nothing has to be set"), "{learnt}");

    let again = json!({ "app": APP, "source": "main", "code": CODE, "names": [], "dry_run": false });
    let mut told = private.answer("inevent/webhooks/register", again).await;
    told += &private.answer("inevent/webhooks/list", json!({})).await;
    told += &private.answer("inevent/learn", json!({})).await;
    told.extend(private.host.lines().into_iter().map(|line| line.text));
    let token = &private.world.sandbox.connection().inevent.token;
    for secret in [WEBHOOK_KEY, CODE, token] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    assert!(told.contains("inevent/webhooks/register"), "the log says what was asked: {told}");

    let (code, removed, error) = private.there(ADMIN, &remove).await;
    assert_eq!((code, removed), (0, format!("{} removed.\n", made.lines().count())), "{error}");
    assert_eq!(private.here(&["inevent", "webhooks", "list"]).await.2, none);
    private.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_what_a_backfill_would_write_and_nothing_is_written() {
    let private = Private::start().await;
    private.inevent("event.person.bind", &[("name", "Ana Silva"), ("username", "ana@x.example")]).await;
    let dry = ["backfill", "--event", "4711", "--dry-run"];
    private.refused_to_readers(&dry).await;
    let before = crm::dump(&private.world).await;
    let (code, rows, error) = private.printed(ADMIN, &dry).await;
    assert!(code == 0 && rows.contains("ana@x.example") && rows.contains("new_eventattendance"), "{rows}{error}");
    assert!(rows.trim_end().ends_with("Nothing was written."), "{rows}");
    let (code, lines, _) = private.there(ADMIN, &[&dry[..], &["--json"]].concat()).await;
    let written = |line: &str| serde_json::from_str::<Value>(line).unwrap()["action"] == "new";
    assert!(code == 0 && lines.lines().any(written), "{lines}");
    let (code, _, error) = private.printed(ADMIN, &["backfill", "--event", "99", "--dry-run"]).await;
    assert!(code == 1 && error.contains("does not know event 99"), "{error}");
    assert_eq!(crm::dump(&private.world).await, before);
    assert_eq!((private.world.waiting().await, private.world.given_up().await), (0, (0, 0)));
    private.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_an_answer_may_says_where_to_go_on() {
    let private = Private::start().await;
    private.inevent_admin(Method::POST, "people", json!({ "eventID": 4711, "count": 150 })).await;
    let settings = private.settings();
    let ground = || {
        let settings = settings.clone();
        Ground::open(move |name| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
    };
    let read = |offset| ReadBackfill { event: "4711".into(), since: None, accept_missing: false, offset };
    let people = |stated: &Stated| -> BTreeSet<String> {
        stated.events.iter().filter_map(|event| Some(event.participant.clone()?.id)).collect()
    };
    let whole = people(&read(0).answer(&ground()).await.unwrap());
    let first = read(0).answer(&ground().within(Duration::ZERO)).await.unwrap();
    let rest = read(first.more.unwrap()).answer(&ground()).await.unwrap();
    let (first, last) = (people(&first), people(&rest));
    let counts = [whole.len(), first.len(), last.len()];
    assert!(counts[0] >= 150 && counts[1] < counts[0] && counts[2] < counts[0], "{counts:?}");
    assert_eq!(&first | &last, whole);
    assert!(rest.more.is_none() && rest.note.unwrap().contains("more than one run"));
    private.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_how_many_would_be_invited_and_nobody_is() {
    let private = Private::start().await;
    let world = &private.world;
    let row = json!({ "lastname": "Silva", "emailaddress1": "ana@x.example" });
    let made = crm::call(world, Method::POST, "contacts", row).await.headers()["odata-entityid"].clone();
    let contact = made.to_str().unwrap().rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
    let list = list(world, 2).await;
    let add = format!("lists({list})/Microsoft.Dynamics.CRM.AddMemberList");
    crm::call(world, Method::POST, &add, json!({ "EntityId": contact })).await;

    let dry = ["invitations", "run", "--event", "4711", "--dry-run"];
    let (code, _, error) = private.printed(READER, &dry).await;
    assert!(code == 1 && error.contains("name no event 4711"), "{error}");
    let invitations = json!({ "lists": [list] }).to_string();
    let set = ["settings", "set", "events.4711.invitations", &invitations, "--offline", "--yes"];
    assert_eq!(private.here(&set).await.0, 0);
    let (code, told, error) = private.printed(READER, &dry).await;
    assert!(code == 0 && told.contains("1 members, 1 invited") && told.contains("dry run"), "{told}{error}");
    assert!(!told.contains("x.example"));
    let mails = private.inevent_admin(Method::GET, "mails?kind=invitation", Value::Null).await;
    assert_eq!(mails["mails"], json!([]));
    assert!(private.here(&["invitations", "list"]).await.2.contains("Nobody was invited yet."));
    private.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_registration_is_found_through_the_routes_and_not_sent_where_it_would_not_be() {
    let private = Private::start().await;
    let send = ["check", "--json", "--send", "--key"];
    let url = ["--url", private.host.url()];
    let checked = |(_, out, error): Ended| -> (Value, Value) {
        let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
        let line = told["checks"].as_array().unwrap().iter().find(|line| line["name"] == "registration").unwrap();
        (told["record"].clone(), line.clone())
    };
    let (record, line) = checked(private.there(READER, &[&send[..], &[KEY]].concat()).await);
    assert!(line["state"] == "ok" && record.as_str().unwrap().contains("etn=new_eventattendance&id="), "{line}");
    assert_eq!(checked(private.here(&[&send[..], &[KEY], &url].concat()).await).0, record);
    let (_, refused) = checked(private.there(READER, &[&send[..], &["wrong"]].concat()).await);
    assert!(refused["detail"].as_str().unwrap().contains("refuses the key"), "{refused}");

    let set = ["settings", "set", "events.connection-test.sync", "false", "--offline", "--yes"];
    assert_eq!(private.here(&set).await.0, 0);
    let (record, line) = checked(private.there(READER, &[&send[..], &[KEY]].concat()).await);
    assert!(record.is_null() && line["detail"].as_str().unwrap().contains("or not at all"), "{line}");
    private.host.stop().await;
}
