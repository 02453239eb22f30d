//! What is in the CRM, straight from the sandbox's storage.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::world::World;

pub type Row = Map<String, Value>;

/// The tables that the connector touches.
const TABLES: [&str; 3] = ["contact", "lead", "new_eventattendance"];

/// Columns that tell when and how often something was written, and by which event a row was made.
const VOLATILE: [&str; 5] = ["versionnumber", "createdon", "overriddencreatedon", "modifiedon", "@odata.etag"];

/// All rows of the tables, by table.
pub async fn dump(world: &World) -> BTreeMap<&'static str, Vec<Row>> {
    let mut tables = BTreeMap::new();
    for name in TABLES {
        tables.insert(name, table(world, name).await);
    }
    tables
}

/// All rows of a table.
pub async fn table(world: &World, table: &str) -> Vec<Row> {
    let url = format!("{}/dump?table={table}", world.sandbox.connection().admin_url.trim_end_matches('/'));
    let dump: Value = world.http.get(url).send().await.unwrap().json().await.unwrap();
    let rows = dump.as_array().or_else(|| dump["value"].as_array()).or_else(|| dump["rows"].as_array());
    let rows = rows.unwrap_or_else(|| panic!("no rows in the dump of {table}"));
    rows.iter().map(|row| row.as_object().unwrap().clone()).collect()
}

/// The version of every row of a person and of every activity: a row that is written has another one.
pub async fn versions(world: &World) -> Vec<(String, Value)> {
    let mut versions = Vec::new();
    for (name, key) in [("contact", "contactid"), ("lead", "leadid"), ("activitypointer", "activityid")] {
        let rows = table(world, name).await;
        versions.extend(rows.iter().map(|row| (text(row, key).unwrap().to_owned(), row["versionnumber"].clone())));
    }
    versions.sort_by(|one, other| one.0.cmp(&other.0));
    versions
}

/// The rows by their key, without the volatile columns: what two runs must agree on.
pub fn comparable(tables: &BTreeMap<&'static str, Vec<Row>>) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for (table, found) in tables {
        let key = if *table == "new_eventattendance" { "activityid".to_owned() } else { format!("{table}id") };
        for row in found {
            let mut row = row.clone();
            row.retain(|column, value| !value.is_null() && !VOLATILE.contains(&column.as_str()));
            // Whether a lead was corrected to its address or made with it is first-come.
            if let Some(Value::String(stamp)) = row.get_mut("new_ineventprofilestamp") {
                let first_come = |token: &&str| token.starts_with("left.") || token.starts_with("emailaddress1:");
                *stamp = stamp.split(' ').filter(|token| !first_come(token)).collect::<Vec<_>>().join(" ");
            }
            rows.insert(format!("{table} {}", row[&key].as_str().unwrap()), row);
        }
    }
    rows
}

/// Does something in the CRM, as somebody who may do everything.
pub async fn call(world: &World, method: reqwest::Method, path: &str, body: Value) -> reqwest::Response {
    let dataverse = world.sandbox.connection();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &dataverse.client_id),
        ("client_secret", &dataverse.client_secret),
        ("scope", &format!("{}/.default", dataverse.http)),
    ];
    let token: Value = world.http.post(&dataverse.token_url).form(&form).send().await.unwrap().json().await.unwrap();
    let url = format!("{}/api/data/v9.2/{path}", dataverse.http);
    let request = world.http.request(method, url).bearer_auth(token["access_token"].as_str().unwrap());
    let answer = request.json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    answer
}

pub fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_str)
}
