//! FetchXML over HTTP.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, CONTOSO, Reply, World};

async fn fetch(world: &World, set: &str, xml: &str) -> Reply {
    let request = world.request("GET", set).query(&[("fetchXml", xml)]);
    world.send(request.header("prefer", "odata.include-annotations=\"*\"")).await
}

async fn rows(world: &World, set: &str, xml: &str) -> Vec<Value> {
    let reply = fetch(world, set, xml).await;
    assert_eq!(reply.status, 200, "{xml}: {}", reply.text);
    reply.json()["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn columns_links_and_aliases_are_named_as_the_platform_names_them() {
    let world = World::new(Seed::Crm).await;
    let xml = "<fetch><entity name='contact'><attribute name='fullname'/><attribute name='parentcustomerid'/>\
               <attribute name='jobtitle' alias='does'/><attribute name='description'/>\
               <filter><condition attribute='firstname' operator='eq' value='ana'/></filter>\
               <link-entity name='account' from='accountid' to='parentcustomerid' alias='firm' link-type='outer'>\
               <attribute name='name'/><attribute name='ownerid'/><attribute name='accountnumber' alias='number'/>\
               </link-entity></entity></fetch>";
    let row = rows(&world, "contacts", xml).await.remove(0);
    assert_eq!(row["fullname"], "Ana Silva");
    assert_eq!(row["_parentcustomerid_value"], CONTOSO);
    assert_eq!(row["does"], "Head of Marketing");
    assert_eq!(row["firm.name"], "Contoso Ltd");
    assert_eq!(row["number"], "CON-001");
    assert_eq!(row["firm.ownerid@Microsoft.Dynamics.CRM.lookuplogicalname"], "systemuser");
    assert_eq!(row["firm.ownerid@OData.Community.Display.V1.FormattedValue"], "Marta Oliveira");
    assert_eq!(row["firm.name@OData.Community.Display.V1.AttributeName"], "name");
    assert_eq!(row["contactid"], ANA, "the key comes along");
    assert!(row.get("description").is_none(), "what is null is left out");

    let all = rows(&world, "accounts", "<fetch top='1'><entity name='account'/></fetch>").await;
    assert!(all[0].as_object().unwrap().len() > 10);
    let sets = fetch(&world, "accounts", "<fetch><entity name='contact'/></fetch>").await;
    assert_eq!(sets.status, 400);
}

#[tokio::test]
async fn conditions_find_what_they_say() {
    let world = World::new(Seed::Crm).await;
    for (filter, expected) in [
        (
            "<condition attribute='firstname' operator='in'><value>Ana</value><value>kate</value></condition>",
            vec!["Ana", "Kate"],
        ),
        ("<condition attribute='firstname' operator='like' value='_na'/>", vec!["Ana"]),
        ("<condition attribute='firstname' operator='begins-with' value='an'/>", vec!["Ana"]),
        ("<condition attribute='statecode' operator='ne' value='0'/>", vec!["Walter"]),
        ("<condition attribute='firstname' operator='null'/>", vec![]),
        ("<condition attribute='modifiedon' operator='lt' value='2026-02-01T09:00:00Z'/>", vec!["Ana"]),
        (
            "<condition attribute='contactid' operator='eq' value='{C0000000-0000-4000-8000-000000000001}'/>",
            vec!["Ana"],
        ),
        ("<condition attribute='firstname' operator='eq' valueof='lastname'/>", vec![]),
        ("<condition attribute='ownerid' operator='eq-userid'/>", vec![]),
        (
            "<condition attribute='createdon' operator='last-x-years' value='50'/><condition attribute='firstname' operator='eq' value='Ana'/>",
            vec!["Ana"],
        ),
        (
            "<filter type='or'><condition attribute='firstname' operator='eq' value='Liam'/><condition \
             attribute='firstname' operator='eq' value='Ana'/></filter><condition attribute='statecode' operator='eq' value='0'/>",
            vec!["Ana", "Liam"],
        ),
        (
            "<link-entity name='task' from='regardingobjectid' to='contactid' link-type='any'><filter><condition \
             attribute='subject' operator='like' value='%renewal%'/></filter></link-entity>",
            vec!["Ana"],
        ),
    ] {
        let xml = format!(
            "<fetch><entity name='contact'><attribute name='firstname'/><order attribute='firstname'/>\
             <filter>{filter}</filter></entity></fetch>"
        );
        let found: Vec<Value> =
            rows(&world, "contacts", &xml).await.iter().map(|row| row["firstname"].clone()).collect();
        assert_eq!(json!(found), json!(expected), "{filter}");
    }
}

#[tokio::test]
async fn links_join_filter_and_nest() {
    let world = World::new(Seed::Crm).await;
    let by_list = "<fetch><entity name='contact'><attribute name='fullname'/>\
                   <link-entity name='listmember' from='entityid' to='contactid' intersect='true'>\
                   <link-entity name='list' from='listid' to='listid' alias='l'><attribute name='listname'/>\
                   <filter><condition attribute='createdfromcode' operator='eq' value='2'/></filter>\
                   </link-entity></link-entity></entity></fetch>";
    let found = rows(&world, "contacts", by_list).await;
    assert_eq!(found.len(), 6);
    assert!(found[0]["l.listname"].is_string());
    let lonely = "<fetch><entity name='contact'><attribute name='contactid'/>\
                  <link-entity name='task' from='regardingobjectid' to='contactid' link-type='outer' alias='t'/>\
                  <filter><condition entityname='t' attribute='activityid' operator='null'/></filter></entity></fetch>";
    let busy = "<fetch distinct='true'><entity name='contact'><attribute name='contactid'/>\
                <link-entity name='task' from='regardingobjectid' to='contactid'/></entity></fetch>";
    assert_eq!(rows(&world, "contacts", lonely).await.len() + rows(&world, "contacts", busy).await.len(), 24);
    let sorted = "<fetch top='2'><entity name='contact'><attribute name='fullname'/>\
                  <link-entity name='account' from='accountid' to='parentcustomerid' alias='a'><attribute name='name'/>\
                  <order attribute='name' descending='true'/></link-entity></entity></fetch>";
    let sorted = rows(&world, "contacts", sorted).await;
    assert!(sorted[0]["a.name"].as_str() >= sorted[1]["a.name"].as_str());
}

#[tokio::test]
async fn pages_are_counted_or_follow_a_cookie() {
    let world = World::new(Seed::Crm).await;
    let page = |number: usize, cookie: &str| {
        format!(
            "<fetch count='10' page='{number}' returntotalrecordcount='true'{cookie}><entity name='contact'>\
             <attribute name='jobtitle'/><order attribute='jobtitle' descending='true'/></entity></fetch>"
        )
    };
    let (mut by_cookie, mut by_number, mut cookie) = (Vec::new(), Vec::new(), String::new());
    for number in 1..=3 {
        by_number.extend(rows(&world, "contacts", &page(number, "")).await.iter().map(|row| row["contactid"].clone()));
        let reply = fetch(&world, "contacts", &page(number, &cookie)).await.json();
        assert_eq!(reply["@odata.count"], 24);
        assert_eq!(reply["@Microsoft.Dynamics.CRM.morerecords"], number < 3);
        by_cookie.extend(reply["value"].as_array().unwrap().iter().map(|row| row["contactid"].clone()));
        let Some(next) = reply["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"].as_str() else { continue };
        assert!(
            next.starts_with(&format!("<cookie pagenumber=\"{}\" pagingcookie=\"%253ccookie", number + 1)),
            "{next}"
        );
        let inner = next.split("pagingcookie=\"").nth(1).unwrap().split('"').next().unwrap();
        let once = reqwest::Url::parse(&format!("http://x/?{}", inner)).unwrap();
        let decode = |text: &str| {
            let pairs = format!("http://x/?v={}", text.replace('+', "%2B"));
            reqwest::Url::parse(&pairs).unwrap().query_pairs().next().unwrap().1.into_owned()
        };
        let twice = decode(&decode(once.query().unwrap()));
        let escaped = twice.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;");
        cookie = format!(" paging-cookie='{escaped}'");
    }
    assert_eq!(by_cookie.len(), 24);
    assert_eq!(by_cookie, by_number);
    let by_owner = page(2, "").replace("jobtitle", "ownerid");
    assert_eq!(rows(&world, "contacts", &by_owner).await.len(), 10);
    let plain = world.query("contacts", &[("fetchXml", &page(1, ""))]).await.json();
    assert!(plain.get("@Microsoft.Dynamics.CRM.morerecords").is_none(), "annotations come when asked for");
}

#[tokio::test]
async fn groups_and_sums() {
    let world = World::new(Seed::Crm).await;
    let xml = "<fetch aggregate='true'><entity name='contact'>\
               <attribute name='contactid' aggregate='count' alias='people'/>\
               <attribute name='jobtitle' aggregate='countcolumn' distinct='true' alias='jobs'/>\
               <attribute name='createdon' groupby='true' dategrouping='year' alias='year'/>\
               <link-entity name='account' from='accountid' to='parentcustomerid' alias='a'>\
               <attribute name='name' groupby='true' alias='firm'/></link-entity>\
               <order alias='people' descending='true'/></entity></fetch>";
    let groups = rows(&world, "contacts", xml).await;
    assert_eq!(groups[0]["year"], 2026);
    assert!(groups[0]["firm"].is_string() && groups[0]["jobs"].is_i64());
    let apply = "groupby((parentcustomerid_account/name),aggregate($count as people))";
    let reply = world.query("contacts", &[("$apply", apply)]).await;
    let total = |groups: &[Value]| groups.iter().map(|group| group["people"].as_i64().unwrap()).sum::<i64>();
    let applied = reply.json()["value"].as_array().unwrap().clone();
    assert_eq!(total(&applied), 24);
    assert!(applied.iter().any(|group| group["account_name"] == "Contoso Ltd"), "{}", reply.text);

    let apply = "filter(numberofemployees gt 0)/aggregate(numberofemployees with sum as total,numberofemployees with \
                 average as mean,numberofemployees with max as most,name with countdistinct as names,$count as rows)";
    let sums = world.query("accounts", &[("$apply", apply)]).await.json()["value"][0].clone();
    assert!(sums["total"].as_i64().unwrap() >= sums["most"].as_i64().unwrap());
    assert_eq!(sums["mean"].as_i64().unwrap(), sums["total"].as_i64().unwrap() / sums["rows"].as_i64().unwrap());

    let owners = world.query("contacts", &[("$apply", "groupby((_ownerid_value))")]).await.json();
    assert!(owners["value"][0]["_ownerid_value"].is_string());
    for (options, text) in [
        (vec![("$apply", "aggregate(fullname with sum as x)")], "not supported for the attribute 'fullname'"),
        (vec![("$apply", "groupby((createdon))")], "groupby with datetime values is not supported."),
        (
            vec![("$apply", "groupby((statecode),aggregate($count as n))"), ("$orderby", "createdon")],
            "SingleValueOpenPropertyAccess",
        ),
        (vec![("$apply", "compute(a as b)")], "is not supported in $apply"),
    ] {
        let reply = world.query("contacts", &options).await;
        assert_eq!(reply.status, 400, "{options:?}");
        assert!(reply.message().contains(text), "{}", reply.message());
    }
    world.admin("POST", "switches", Some(json!({ "aggregate_record_limit": 3 }))).await;
    let reply = fetch(&world, "contacts", xml).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "0x8004E023"));
}

#[tokio::test]
async fn fetchxml_works_in_batches_and_over_collections() {
    let world = World::new(Seed::Crm).await;
    let xml = "%3Cfetch%3E%3Centity%20name='contact'%3E%3Cattribute%20name='fullname'/%3E%3C/entity%3E%3C/fetch%3E";
    let part = format!("--b\nContent-Type: application/http\n\nGET contacts?fetchXml={xml} HTTP/1.1\n\n\n--b--\n");
    assert!(world.batch(&part, None).await.text.contains("Ana Silva"));
    let inside = world.get(&format!("accounts({CONTOSO})/contact_customer_accounts?fetchXml={xml}")).await.json();
    assert!(inside["value"].as_array().unwrap().len() < 24);
}

#[tokio::test]
async fn wrong_fetchxml_is_refused() {
    let world = World::new(Seed::Crm).await;
    let entity = |inner: &str| format!("<fetch><entity name='contact'>{inner}</entity></fetch>");
    for (xml, code) in [
        ("<fetch>".to_owned(), "0x80040203"),
        ("<fetch><entity name='nothing'/></fetch>".to_owned(), "0x80041102"),
        (entity("<attribute name='nothing'/>"), "0x80041103"),
        (entity("<nonsense/>"), "0x80040203"),
        (entity("<filter><condition attribute='fullname' operator='is' value='x'/></filter>"), "0x80040203"),
        (entity("<filter><condition attribute='statecode' operator='eq' value='x'/></filter>"), "0x80060888"),
        (entity("<filter><condition attribute='fullname' operator='last-x-days' value='3'/></filter>"), "0x80040203"),
        (entity("<filter><condition entityname='z' attribute='fullname' operator='null'/></filter>"), "0x8004110b"),
        (entity("<link-entity name='account' link-type='sideways'/>"), "0x80040203"),
        (entity(&"<link-entity name='account' from='accountid' to='parentcustomerid'/>".repeat(16)), "0x8004430D"),
        ("<fetch top='5' page='2'><entity name='contact'/></fetch>".to_owned(), "0x80040203"),
        ("<fetch page='2' paging-cookie='x'><entity name='contact'/></fetch>".to_owned(), "0x80040203"),
        ("<fetch colour='red'><entity name='contact'/></fetch>".to_owned(), "0x80040203"),
    ] {
        let reply = fetch(&world, "contacts", &xml).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{xml}: {}", reply.text);
    }
}

#[tokio::test]
async fn lookups_are_sorted_by_name_and_choices_by_label() {
    let world = World::new(Seed::Crm).await;
    let formatted = "@OData.Community.Display.V1.FormattedValue";
    let column = |rows: &[Value], name: &str| -> Vec<String> {
        let name = format!("{name}{formatted}");
        rows.iter().map(|row| row[&name].as_str().unwrap_or_default().to_lowercase()).collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let xml = "<fetch><entity name='contact'><attribute name='ownerid'/><attribute name='parentcustomerid'/>\
               <order attribute='ownerid'/></entity></fetch>";
    let owners = column(&rows(&world, "contacts", xml).await, "_ownerid_value");
    assert_eq!(owners, sorted(owners.clone()));
    let mut firms = Vec::new();
    let mut next = "contacts?$select=_parentcustomerid_value&$orderby=_parentcustomerid_value".to_owned();
    while !next.is_empty() {
        let request = world.request("GET", &next);
        let prefer = "odata.include-annotations=\"*\",odata.maxpagesize=5";
        let reply = world.send(request.header("prefer", prefer)).await.json();
        firms.extend(column(reply["value"].as_array().unwrap(), "_parentcustomerid_value"));
        let link = reply["@odata.nextLink"].as_str().unwrap_or_default();
        next = link.strip_prefix(&world.url("")).unwrap_or_default().to_owned();
    }
    assert_eq!(firms, sorted(firms.clone()));
    assert_eq!(firms.len(), 24);
    for (attribute, by_label) in [("", true), (" useraworderby='true'", false)] {
        let xml = format!(
            "<fetch{attribute}><entity name='lead'><attribute name='statuscode'/><order attribute='statuscode'/></entity></fetch>"
        );
        let found = rows(&world, "leads", &xml).await;
        let labels = column(&found, "statuscode");
        let numbers: Vec<i64> = found.iter().map(|row| row["statuscode"].as_i64().unwrap()).collect();
        if by_label {
            assert_eq!(labels, sorted(labels.clone()));
        } else {
            assert!(numbers.is_sorted());
        }
    }
}

#[tokio::test]
async fn a_query_has_five_hundred_conditions_at_most() {
    let world = World::new(Seed::Crm).await;
    for (number, status) in [(500, 200), (501, 400)] {
        let conditions = "<condition%20attribute='statecode'%20operator='eq'%20value='1'/>".repeat(number);
        let xml = format!("<fetch><entity%20name='contact'><filter%20type='or'>{conditions}</filter></entity></fetch>");
        let get = format!("GET contacts?fetchXml={xml} HTTP/1.1\n\n");
        let reply = world.batch(&format!("--b\nContent-Type: application/http\n\n{get}\n--b--\n"), None).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(reply.text.contains(if status == 200 { "Walter" } else { "0x8004430C" }));
    }
}

#[tokio::test]
async fn the_first_match_of_a_link_brings_its_columns_along() {
    let world = World::new(Seed::Crm).await;
    let link = |kind: &str| {
        format!(
            "<fetch><entity name='account'><attribute name='name'/>\
             <link-entity name='contact' from='parentcustomerid' to='accountid' alias='who' link-type='{kind}'>\
             <attribute name='fullname'/></link-entity></entity></fetch>"
        )
    };
    let every = rows(&world, "accounts", &link("inner")).await;
    let first = rows(&world, "accounts", &link("matchfirstrowusingcrossapply")).await;
    let distinct: std::collections::HashSet<&str> =
        every.iter().map(|row| row["accountid"].as_str().unwrap()).collect();
    assert!(first.len() == distinct.len() && first.len() < every.len(), "one row for each account that has any");
    for row in &first {
        assert!(every.contains(row), "{row} is one of the matches");
    }
}

#[tokio::test]
async fn rows_below_a_row_are_counted() {
    let world = World::new(Seed::Crm).await;
    for name in ["North", "South"] {
        let branch = json!({ "name": name, "parentaccountid@odata.bind": format!("/accounts({CONTOSO})") });
        assert_eq!(world.post("accounts", &branch).await.status, 204);
    }
    let count = |of: &str| {
        format!(
            "<fetch><entity name='account'><attribute name='name'/>\
             <attribute name='{of}' alias='below' rowaggregate='CountChildren'/>\
             <order attribute='name'/></entity></fetch>"
        )
    };
    for row in rows(&world, "accounts", &count("accountid")).await {
        assert_eq!(row["below"], if row["accountid"] == CONTOSO { 2 } else { 0 }, "{row}");
    }
    assert_eq!(fetch(&world, "accounts", &count("name")).await.status, 400);
}
