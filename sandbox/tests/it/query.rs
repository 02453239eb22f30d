//! Queries: options, paging, counting.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, MARTA, Reply, World};

/// The values of a column in the answer's rows.
fn column(reply: &Reply, name: &str) -> Vec<Value> {
    reply.json()["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{reply:?}"))
        .iter()
        .map(|row| row[name].clone())
        .collect()
}

async fn names(world: &World, filter: &str) -> Vec<Value> {
    let options = [("$select", "firstname"), ("$filter", filter), ("$orderby", "firstname")];
    column(&world.query("contacts", &options).await, "firstname")
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let world = World::new(Seed::Crm).await;
    for (filter, expected) in [
        ("firstname eq 'ANA'".to_owned(), json!(["Ana"])),
        ("lastname eq 'o''neill'".to_owned(), json!(["Irene"])),
        ("emailaddress1 eq 'jack.turner+events@adventure-works.example'".to_owned(), json!(["Jack"])),
        ("statecode eq 1".to_owned(), json!(["Walter"])),
        ("contains(lastname,'NOVÁKOVÁ')".to_owned(), json!(["Tereza"])),
        ("contains(lastname,'novakova')".to_owned(), json!([])),
        ("startswith(emailaddress1,'office.desk') and not endswith(jobtitle,'manager')".to_owned(), json!(["Quinn"])),
        (format!("contactid eq {ANA} or firstname eq 'Liam'"), json!(["Ana", "Liam"])),
        (format!("_ownerid_value eq {MARTA} and (firstname lt 'b' or firstname ge 'W')"), json!(["Ana", "Walter"])),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='firstname',PropertyValues=[\"ana\",\"Kate\"])".to_owned(),
            json!(["Ana", "Kate"]),
        ),
        (format!("Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=['{ANA}'])"), json!(["Ana"])),
        ("Microsoft.Dynamics.CRM.In(PropertyName='statecode',PropertyValues=['1','7'])".to_owned(), json!(["Walter"])),
        ("modifiedon lt 2026-02-01T09:00:00Z".to_owned(), json!(["Ana"])),
        ("firstname eq null".to_owned(), json!([])),
    ] {
        assert_eq!(json!(names(&world, &filter).await), expected, "{filter}");
    }
    let options = [
        ("$filter", "firstname eq @p1 or Microsoft.Dynamics.CRM.In(PropertyName=@p2,PropertyValues=@p3)"),
        ("@p1", "'Ana'"),
        ("@p2", "'firstname'"),
        ("@p3", "[\"Kate\"]"),
        ("$orderby", "firstname desc"),
    ];
    assert_eq!(column(&world.query("contacts", &options).await, "firstname"), ["Kate", "Ana"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repeats() {
    let world = World::new(Seed::Crm).await;
    let size = "odata.maxpagesize=5";
    let options = [("$select", "contactid"), ("$orderby", "jobtitle desc,gendercode"), ("$count", "true")];
    let mut reply = world.send(world.request("GET", "contacts").query(&options).header("prefer", size)).await;
    assert_eq!(reply.header("preference-applied"), size);
    assert_eq!(reply.json()["@odata.count"], 24);
    let mut seen = column(&reply, "contactid");
    let mut pages = 1;
    while let Some(next) = reply.json()["@odata.nextLink"].as_str() {
        let path = next.strip_prefix(&world.url("")).unwrap().to_owned();
        assert!(path.contains("$skiptoken="));
        reply = world.send(world.request("GET", &path).header("prefer", size)).await;
        seen.extend(column(&reply, "contactid"));
        pages += 1;
    }
    assert_eq!((pages, seen.len()), (5, 24));
    let whole = column(&world.query("contacts", &options).await, "contactid");
    assert_eq!(seen, whole);
    assert_eq!(world.get("contacts?$skiptoken=nonsense").await.status, 400);
}

#[tokio::test]
async fn top_and_counts() {
    let world = World::new(Seed::Crm).await;
    let reply = world.query("contacts", &[("$top", "3")]).await;
    assert_eq!(column(&reply, "contactid").len(), 3);
    assert!(reply.json().get("@odata.nextLink").is_none());
    let request = world.request("GET", "contacts?$top=3").header("prefer", "odata.maxpagesize=7");
    assert_eq!(column(&world.send(request).await, "contactid").len(), 7, "$top is ignored beside a page size");
    assert_eq!(world.get("leads/$count?$filter=statecode%20eq%200").await.text.trim_start_matches('\u{feff}'), "10");
}

#[tokio::test]
async fn options_may_be_encoded_as_other_clients_do() {
    let world = World::new(Seed::Crm).await;
    let reply = world.get("contacts?%24filter=firstname+eq+%27Ana%27&%24select=fullname&tag=test").await;
    assert_eq!(column(&reply, "fullname"), ["Ana Silva"]);
}

#[tokio::test]
async fn all_activities_are_searched_like_any_table() {
    let world = World::new(Seed::Crm).await;
    let options =
        [("$select", "subject"), ("$filter", "subject eq 'CALL ABOUT RENEWAL' or contains(subject,'SUMMIT')")];
    let mut subjects = column(&world.query("activitypointers", &options).await, "subject");
    subjects.sort_by_key(Value::to_string);
    assert_eq!(subjects, ["Call about renewal", "Prepare summit visit"]);
    let ordered =
        column(&world.query("activitypointers", &[("$orderby", "subject desc"), ("$top", "1")]).await, "subject");
    assert_eq!(ordered, ["Send the offer for 2027"]);
}

#[tokio::test]
async fn a_filter_of_two_thousand_terms_is_no_problem() {
    let world = World::new(Seed::Crm).await;
    let terms = vec!["statecode eq 1"; 1900].join(" or ");
    let get = format!("GET contacts?$select=fullname&$filter={terms} HTTP/1.1\n\n");
    let part = format!("--b\nContent-Type: application/http\n\n{get}\n--b--\n");
    let reply = world.batch(&part, None).await;
    assert!(reply.status == 200 && reply.text.contains("Walter Young"), "{}", reply.text);
}

#[tokio::test]
async fn members_of_a_marketing_list_say_what_they_are() {
    let world = World::new(Seed::Crm).await;
    let request = world
        .request("GET", "listmembers")
        .query(&[
            ("$select", "listmemberid,entitytype,_entityid_value"),
            ("$filter", "_listid_value eq 11570000-0000-4000-8000-000000000002"),
        ])
        .header("prefer", "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"");
    let reply = world.send(request).await;
    assert_eq!(column(&reply, "_entityid_value@Microsoft.Dynamics.CRM.lookuplogicalname"), ["lead"; 4]);
}

#[tokio::test]
async fn an_address_is_shown_as_a_whole_too() {
    let world = World::new(Seed::Empty).await;
    let person = json!({
        "lastname": "Silva", "address1_line1": "1 Main St", "address1_city": "Lisbon",
        "address1_postalcode": "1100", "address1_country": "Portugal",
    });
    let path = format!("contacts({})", world.post("contacts", &person).await.id());
    let row = world.get(&format!("{path}?$select=address1_city")).await.json();
    assert_eq!(row["address1_composite"], "1 Main St\r\nLisbon, 1100\r\nPortugal", "it comes along with a part");
    assert_eq!(world.patch(&path, &json!({ "address1_line1": null, "address1_city": "Porto" })).await.status, 204);
    let row = world.get(&format!("{path}?$select=address1_composite,address2_composite")).await.json();
    assert_eq!(row["address1_composite"], "Porto, 1100\r\nPortugal");
    assert!(row["address2_composite"].is_null());
    let row = world.get(&format!("{path}?$select=lastname")).await.json();
    assert!(row.get("address1_composite").is_none());
}

#[tokio::test]
async fn a_fiscal_period_is_that_of_every_year() {
    let world = World::new(Seed::Empty).await;
    for (year, month) in [(2024, "02"), (2025, "03"), (2025, "04")] {
        let task =
            json!({ "subject": format!("{year}-{month}"), "scheduledend": format!("{year}-{month}-15T00:00:00Z") });
        assert_eq!(world.post("tasks", &task).await.status, 204);
    }
    let first = "Microsoft.Dynamics.CRM.InFiscalPeriod(PropertyName='scheduledend',PropertyValue=1)";
    let found = world.query("tasks", &[("$select", "subject"), ("$filter", first), ("$orderby", "subject")]).await;
    let subjects: Vec<_> =
        found.json()["value"].as_array().unwrap().iter().map(|task| task["subject"].clone()).collect();
    assert_eq!(subjects, ["2024-02", "2025-03"], "{}", found.text);
}
