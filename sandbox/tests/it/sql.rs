//! `?sql=`: statements are answered like the FetchXML that they mean, or refused.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::World;

async fn world() -> World {
    let world = World::new(Seed::Empty).await;
    let people = json!([
        { "firstname": "Ada", "lastname": "Byron", "jobtitle": "Engineer", "annualincome": 10 },
        { "firstname": "Bo", "lastname": "O'Hara", "jobtitle": "Engineer", "annualincome": 30 },
        { "firstname": "Cy", "lastname": "Young", "annualincome": 20 },
    ]);
    let account = json!({ "name": "Engines", "numberofemployees": 2, "contact_customer_accounts": people });
    assert_eq!(world.post("accounts", &account).await.status, 204);
    assert_eq!(world.post("accounts", &json!({ "name": "Lonely" })).await.status, 204);
    world
}

async fn rows(world: &World, set: &str, sql: &str) -> Vec<Value> {
    let reply = world.query(set, &[("sql", sql)]).await;
    assert_eq!(reply.status, 200, "{sql}: {}", reply.text);
    reply.json()["value"].as_array().unwrap().clone()
}

fn texts(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn conditions_mean_what_they_mean_in_sql() {
    let world = world().await;
    for (condition, expected) in [
        ("jobtitle = 'engineer'", "Ada,Bo"),
        ("jobtitle <> 'Lawyer'", "Ada,Bo"),
        ("jobtitle IS NULL", "Cy"),
        ("jobtitle IS NOT NULL AND (annualincome > 10 OR firstname = 'nobody')", "Bo"),
        ("lastname = 'O''Hara'", "Bo"),
        ("lastname LIKE '%y%'", "Ada,Cy"),
        ("jobtitle NOT LIKE 'L%'", "Ada,Bo"),
        ("firstname IN ('Ada', 'Cy')", "Ada,Cy"),
        ("jobtitle NOT IN ('Lawyer')", "Ada,Bo"),
        ("annualincome BETWEEN 10 AND 20", "Ada,Cy"),
        ("annualincome NOT BETWEEN 10 AND 20", "Bo"),
        ("annualincome >= -5 and [annualincome] != 20 -- a comment", "Ada,Bo"),
        ("firstname < lastname", "Ada,Bo,Cy"),
    ] {
        let sql = format!("SELECT firstname FROM contact WHERE {condition}\nORDER BY firstname");
        assert_eq!(texts(&rows(&world, "contacts", &sql).await, "firstname").join(","), expected, "{condition}");
    }
}

#[tokio::test]
async fn joins_groups_and_pages() {
    let world = world().await;
    let sql = "SELECT a.name, c.firstname AS first FROM account a INNER JOIN contact c ON c.parentcustomerid = a.accountid \
               WHERE c.annualincome > 10 ORDER BY c.annualincome DESC";
    let found = rows(&world, "accounts", sql).await;
    assert_eq!(
        (texts(&found, "first"), &found[0]["name"]),
        (vec!["Bo".to_owned(), "Cy".to_owned()], &json!("Engines"))
    );

    let sql = "SELECT a.name, c.firstname FROM account AS a LEFT JOIN contact AS c ON a.accountid = c.parentcustomerid \
               WHERE c.contactid IS NULL";
    assert_eq!(texts(&rows(&world, "accounts", sql).await, "name"), ["Lonely"]);

    let sql = "SELECT c.jobtitle, COUNT(*) AS number, SUM(c.annualincome) AS total, MAX(annualincome) FROM contact c \
               GROUP BY c.jobtitle ORDER BY number DESC";
    let found = rows(&world, "contacts", sql).await;
    assert_eq!((&found[0]["jobtitle"], &found[0]["number"]), (&json!("Engineer"), &json!(2)));
    assert_eq!((found[0]["total"].as_f64(), found[0]["max_annualincome"].as_f64()), (Some(40.0), Some(30.0)));
    let sql = "SELECT a.name, COUNT(c.contactid) cnt FROM account a JOIN contact c ON a.accountid = c.parentcustomerid GROUP BY a.name";
    assert_eq!(rows(&world, "accounts", sql).await[0]["cnt"], 3);
    assert_eq!(rows(&world, "contacts", "SELECT COUNT(DISTINCT jobtitle) AS n FROM contact").await[0]["n"], 1);

    assert_eq!(
        rows(&world, "contacts", "SELECT DISTINCT jobtitle FROM contact WHERE jobtitle IS NOT NULL").await.len(),
        1
    );
    assert_eq!(
        texts(&rows(&world, "contacts", "SELECT TOP 1 lastname FROM contact ORDER BY lastname DESC").await, "lastname"),
        ["Young"]
    );
    assert_eq!(rows(&world, "contacts", "SELECT TOP 0 lastname FROM contact").await.len(), 0);
    let sql = "SELECT firstname FROM contact ORDER BY firstname OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY";
    assert_eq!(texts(&rows(&world, "contacts", sql).await, "firstname"), ["Bo"]);

    let request =
        world.request("GET", "contacts").query(&[("sql", "SELECT firstname FROM contact ORDER BY firstname")]);
    let first = world.send(request.header("Prefer", "odata.maxpagesize=2")).await.json();
    assert_eq!(texts(first["value"].as_array().unwrap(), "firstname"), ["Ada", "Bo"]);
    let next = world.to("GET", first["@odata.nextLink"].as_str().unwrap());
    let second = world.send(next.header("Prefer", "odata.maxpagesize=2")).await.json();
    assert_eq!(
        (texts(second["value"].as_array().unwrap(), "firstname"), second.get("@odata.nextLink")),
        (vec!["Cy".to_owned()], None)
    );
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let world = world().await;
    for sql in [
        "SELECT * FROM contact",
        "DELETE FROM contact",
        "SELECT firstname FROM contact WHERE",
        "SELECT firstname FROM contact; DROP TABLE contact",
        "SELECT firstname FROM contact WHERE firstname = 'open",
        "SELECT nothing FROM contact",
        "SELECT firstname FROM nobody",
        "SELECT x.firstname FROM contact c",
        "SELECT firstname, COUNT(*) FROM contact",
        "SELECT firstname FROM contact UNION SELECT name FROM account",
        "SELECT firstname FROM contact RIGHT JOIN account ON accountid = parentcustomerid",
        "SELECT createdon FROM contact c JOIN account a ON a.accountid = c.parentcustomerid",
        "SELECT TOP 5001 firstname FROM contact",
        "SELECT UPPER(firstname) FROM contact",
        "SELECT firstname FROM contact WHERE NOT (firstname = 'a')",
    ] {
        let reply = world.query("contacts", &[("sql", sql)]).await;
        assert_eq!(reply.status, 400, "{sql}: {}", reply.text);
    }
    let other = world.query("accounts", &[("sql", "SELECT firstname FROM contact")]).await;
    assert_eq!(other.status, 400, "the set is another one");
}
