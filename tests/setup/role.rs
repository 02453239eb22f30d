//! The security role is minimal: with it a short story comes out right, and without any one of its privileges something does not.

use std::sync::Arc;

use inevent_d365::{
    dataverse::Client,
    settings::{
        Prefix,
        document::{self, Document},
    },
    setup::{
        Depth, Privilege, Provisioning, Reach, Role, Wanted,
        check::{self, Line, State},
    },
    store::SqliteStore,
    sync::{
        DataverseCrm,
        engine::Engine,
        lists::{DataverseLists, Lists},
        outcome::Outcome,
    },
};
use serde_json::{Value, json};

use crate::{
    bare, set_up,
    world::{CONNECTOR, SECRET, World, fixed, read},
};

const ADMINISTRATOR: &str = "System Administrator";

/// An engine of the connector's own application user.
pub fn engine(world: &World, settings: &str) -> Engine {
    engine_of(world.client((CONNECTOR, SECRET)), settings)
}

fn engine_of(client: Arc<Client>, settings: &str) -> Engine {
    // In memory: what it remembers ends with it.
    let store = Arc::new(SqliteStore::open(":memory:").unwrap());
    let lists = Lists::new(Arc::new(DataverseLists::new(client.clone())), store.clone());
    let crm = Arc::new(DataverseCrm::new(client, &Prefix::default()));
    Engine::new(crm, store, "t".into()).with_settings(fixed(settings)).with_lists(lists)
}

/// What the story finds in the CRM.
struct Cast {
    settings: String,
    contact_list: String,
    lead_list: String,
    of_user: String,
    of_team: String,
    of_company: String,
}

impl Cast {
    async fn new(world: &World) -> Self {
        let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].as_str().unwrap().to_owned();
        let unit = format!("/businessunits({unit})");
        let user = json!({ "lastname": "Owner", "businessunitid@odata.bind": unit });
        let user = world.add("systemusers", user).await;
        let team = world.add("teams", json!({ "name": "Owners", "businessunitid@odata.bind": unit })).await;
        let role =
            world.crm("GET", &format!("roles?$select=roleid&$filter=name eq '{ADMINISTRATOR}'"), Value::Null).await;
        let role = format!(
            "{}/api/data/v9.2/roles({})",
            world.sandbox.connection().http,
            role["value"][0]["roleid"].as_str().unwrap()
        );
        for path in [
            format!("systemusers({user})/systemuserroles_association/$ref"),
            format!("teams({team})/teamroles_association/$ref"),
        ] {
            world.crm("POST", &path, json!({ "@odata.id": role })).await;
        }
        let contact = async |name: &str, more: Value| {
            let mut row = json!({ "lastname": name, "emailaddress1": format!("{name}@x.example") });
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.add("contacts", row).await
        };
        let of_user = contact("user", json!({ "ownerid@odata.bind": format!("/systemusers({user})") })).await;
        let of_team = contact("team", json!({ "ownerid@odata.bind": format!("/teams({team})") })).await;
        let account = world.add("accounts", json!({ "name": "Contoso" })).await;
        let bind = format!("/accounts({account})");
        let of_company = contact("company", json!({ "parentcustomerid_account@odata.bind": bind })).await;
        for company in ["One", "Two"] {
            let lead = json!({ "lastname": company, "companyname": company, "emailaddress1": "twice@x.example", "subject": company });
            world.add("leads", lead).await;
        }
        let list = async |name: &str, kind: u8| {
            world.add("lists", json!({ "listname": name, "createdfromcode": kind, "type": false })).await
        };
        let (contact_list, lead_list) = (list("Contacts", 2).await, list("Leads", 4).await);
        let settings = json!({
            "version": 1,
            "defaults": {
                "follow_owner": true,
                "mappings": [
                    { "source": { "field": "participant.job_title" }, "column": "jobtitle" },
                    { "source": { "answer": "Rating" }, "tables": ["lead"], "column": "leadqualitycode" },
                ],
                "list_rules": [{ "name": "registered", "when": "registered", "contact_list": contact_list, "lead_list": lead_list, "remove": true }],
            },
            "events": {
                "contacts": { "unmatched": "create_contact" },
                "companies": { "matching": { "keys": ["email_and_company"] } },
                "webinar": { "activity_table": "new_webinarattendance" },
            },
        });
        Self { settings: settings.to_string(), contact_list, lead_list, of_user, of_team, of_company }
    }

    fn document(&self) -> Document {
        document::read(&self.settings, &Prefix::default()).unwrap()
    }
}

/// A registration at an event, of whoever has this address.
fn registered(event: &str, id: &str, email: &str, more: Value) -> Value {
    let mut participant = json!({ "id": id, "email": format!("{email}@x.example") });
    participant.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "id": format!("{event}-{id}-{email}"), "time": "2026-05-01T09:00:00Z", "kind": "registered",
        "event": { "id": event, "name": "Partner Day" }, "participant": participant, "answers": { "Rating": "Hot" },
    })
}

fn later(mut event: Value, kind: &str, second: u8) -> Value {
    event["id"] = json!(format!("{}-{kind}{second}", event["id"].as_str().unwrap()));
    event["time"] = json!(format!("2026-05-01T10:00:{second:02}Z"));
    event["kind"] = json!(kind);
    event
}

/// Plays the story; says what went wrong first.
async fn story(world: &World, cast: &Cast) -> Result<(), String> {
    let client = world.client((CONNECTOR, SECRET));
    let engine = engine_of(client.clone(), &cast.settings);
    let run = async |event: Value| {
        let outcome = engine.run(&[read(&event)]).await.outcomes.remove(0);
        match outcome {
            Outcome::Settled { .. } => Ok(()),
            other => Err(format!("{}: {other:?}", event["id"])),
        }
    };
    let user = registered("e", "1", "user", json!({ "job_title": "Head" }));
    run(user.clone()).await?;
    run(registered("e", "2", "team", json!({}))).await?;
    run(later(user.clone(), "checked_in", 1)).await?;
    // Moves to another person, and to the owner of that one.
    let mut moved = later(user, "updated", 2);
    moved["participant"]["email"] = json!("team@x.example");
    run(moved).await?;
    let stranger = registered("e", "3", "stranger", json!({}));
    run(stranger.clone()).await?;
    let mut told = later(stranger, "updated", 3);
    told["participant"]["job_title"] = json!("Head");
    run(told).await?;
    run(registered("contacts", "4", "made", json!({}))).await?;
    run(registered("companies", "5", "company", json!({ "company": "Contoso" }))).await?;
    run(registered("webinar", "6", "user", json!({}))).await?;
    let doubled = registered("companies", "7", "twice", json!({ "company": "Three" }));
    match engine.run(&[read(&doubled)]).await.outcomes.remove(0) {
        Outcome::Refused(refusal) if refusal.reason.contains("Leads with the same e-mail address") => {}
        other => return Err(format!("{other:?}")),
    }
    let ended = async |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };
    let rows = world.rows("new_eventattendance").await;
    let of = |id: &str| rows.iter().find(|row| row["new_participantid"] == id).unwrap().to_string();
    ended("the row moved", of("1").contains(&cast.of_team)).await?;
    ended("the company's contact was found", of("5").contains(&cast.of_company)).await?;
    ended(
        "it stands where it happened",
        rows.iter().all(|row| row["createdon"].as_str().unwrap().starts_with("2026-05-01")),
    )
    .await?;
    let contact = &world.with("contact", "contactid", &cast.of_user).await[0];
    ended("the contact is kept up to date", contact["jobtitle"] == "Head").await?;
    let lead = &world.with("lead", "emailaddress1", "stranger@x.example").await[0];
    ended("the lead is kept up to date", lead["jobtitle"] == "Head" && lead["leadqualitycode"] == 1).await?;
    ended("a contact was made", world.with("contact", "emailaddress1", "made@x.example").await.len() == 1).await?;
    let members = world.rows("listmember").await;
    let has = |list: &str, person: &str| {
        members.iter().any(|row| row.to_string().contains(list) && row.to_string().contains(person))
    };
    ended("contacts are listed", has(&cast.contact_list, &cast.of_team)).await?;
    ended("leads are listed", has(&cast.lead_list, lead["leadid"].as_str().unwrap())).await?;
    // Whom the rule put on the list it takes off again.
    run(later(registered("e", "3", "stranger", json!({})), "cancelled", 4)).await?;
    let members = world.rows("listmember").await;
    let left = members.iter().any(|row| row.to_string().contains(lead["leadid"].as_str().unwrap()));
    ended("who cancelled is taken off the list", !left).await?;
    let wrong = |lines: Vec<Line>| match lines.into_iter().find(|line| line.state == State::Wrong) {
        Some(line) => Err(line.detail),
        None => Ok(()),
    };
    wrong(check::tables(&client, &cast.document()).await)?;
    let me = client.who_am_i().await.map_err(|error| error.to_string())?;
    // That a privilege is missing is no news here; that it cannot be told is.
    let lines = check::environment(&client, &me, &cast.document()).await;
    if lines.iter().any(|line| line.detail.contains("cannot be read")) {
        return Err("the privileges cannot be read".into());
    }
    Ok(())
}

/// An environment with the role and nothing else for the connector, and the story's cast.
async fn staged(reach: Reach) -> (World, Cast) {
    let world = bare().await;
    world.admin("POST", "applications", json!({ "client_id": CONNECTOR, "name": "Connector", "secret": SECRET })).await;
    let wanted = Wanted { reach, tables: vec![("new_webinarattendance".into(), None)], ..Wanted::default() };
    let more = Provisioning { application: Some(CONNECTOR.parse().unwrap()), ..Provisioning::default() };
    set_up(&world, &wanted, &more).await;
    let cast = Cast::new(&world).await;
    (world, cast)
}

/// Leaves the role with these privileges only.
async fn leave(world: &World, privileges: &[Privilege]) {
    let role = Role::new(Reach::Organisation).id;
    let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].clone();
    let one = |privilege: &Privilege| {
        let none = "00000000-0000-0000-0000-000000000000";
        json!({ "PrivilegeId": none, "PrivilegeName": privilege.name, "Depth": privilege.depth.name(), "BusinessUnitId": unit })
    };
    let body = json!({ "Privileges": privileges.iter().map(one).collect::<Vec<_>>() });
    world.crm("POST", &format!("roles({role})/Microsoft.Dynamics.CRM.ReplacePrivilegesRole"), body).await;
}

#[tokio::test]
async fn the_story_comes_out_right_with_the_role() {
    for reach in [Reach::Organisation, Reach::BusinessUnit] {
        let (world, cast) = staged(reach).await;
        assert_eq!(story(&world, &cast).await, Ok(()), "{reach:?}");
    }
}

#[tokio::test]
async fn without_any_one_privilege_something_breaks() {
    let (world, cast) = staged(Reach::Organisation).await;
    world.admin("POST", "snapshots", json!({ "name": "staged" })).await;
    let all = Role::new(Reach::Organisation).privileges;
    for missing in &all {
        world.admin("POST", "snapshots/staged/restore", Value::Null).await;
        let left: Vec<Privilege> = all.iter().filter(|privilege| privilege != &missing).copied().collect();
        leave(&world, &left).await;
        let came_out = story(&world, &cast).await;
        assert!(came_out.is_err(), "{} is not needed", missing.name);
    }
    world.admin("POST", "snapshots/staged/restore", Value::Null).await;
    leave(&world, &all).await;
    assert_eq!(story(&world, &cast).await, Ok(()));
}

#[tokio::test]
async fn nobody_elses_rows_are_touched_where_the_role_ends_at_the_business_unit() {
    let role = Role::new(Reach::BusinessUnit);
    assert!(
        role.privileges
            .iter()
            .filter(|privilege| privilege.name.ends_with("Contact"))
            .all(|privilege| privilege.depth == Depth::Local)
    );
    let (world, _) = staged(Reach::BusinessUnit).await;
    let root = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].as_str().unwrap().to_owned();
    let unit = json!({ "name": "Elsewhere", "parentbusinessunitid@odata.bind": format!("/businessunits({root})") });
    let unit = world.add("businessunits", unit).await;
    let user = json!({ "lastname": "Other", "businessunitid@odata.bind": format!("/businessunits({unit})") });
    let user = world.add("systemusers", user).await;
    world.admin("POST", "switches", json!({ "owners_need_read": false })).await;
    let hidden = json!({ "lastname": "Hidden", "emailaddress1": "hidden@x.example", "ownerid@odata.bind": format!("/systemusers({user})") });
    let hidden = world.add("contacts", hidden).await;
    let before = world.with("contact", "contactid", &hidden).await;
    let event = registered("e", "1", "hidden", json!({ "job_title": "Head" }));
    let report = engine(&world, "{\"version\":1}").run(&[read(&event)]).await;
    assert!(matches!(report.outcomes[..], [Outcome::Settled { .. }]), "{:?}", report.outcomes);
    assert_eq!(world.with("contact", "contactid", &hidden).await, before);
    assert_eq!(world.with("lead", "emailaddress1", "hidden@x.example").await.len(), 1);
}
