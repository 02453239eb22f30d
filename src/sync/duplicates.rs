//! Whom the CRM's duplicate detection rules take somebody for: the function `RetrieveDuplicates`, and the names of the rules in force.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    crm::{Duplicates, Write},
    rows::{PersonRef, PersonTable},
};
use crate::dataverse::{Client, Columns, Error, Part, query};

/// The most duplicates that are looked at in one table.
const COUNT: u32 = 50;
/// `statuscode` of a rule that is in force.
const PUBLISHED: i64 = 2;

/// # Errors
/// When the call failed, or the duplicates cannot be asked for. Rules that the role does not show have no names.
pub async fn find(client: &Client, write: &Write) -> Result<Duplicates, Error> {
    let tables = [PersonTable::Contact, PersonTable::Lead];
    let mut parts: Vec<Part> = tables.iter().map(|table| Part::get(of(write, *table))).collect();
    let filter = format!("baseentityname eq {} and statuscode eq {PUBLISHED}", query::text(write.table.name));
    parts.push(Part::get(query::select("duplicaterules", &["name"], &filter)));
    let mut answers = client.batch(&parts).await?;
    let rules = answers.pop().and_then(Result::ok).unwrap_or_default();
    let rules = rules["value"].as_array().into_iter().flatten().filter_map(|rule| rule["name"].as_str());
    let rules = rules.map(str::to_owned).collect();
    let mut people = BTreeSet::new();
    for (table, answer) in tables.into_iter().zip(answers) {
        let answer = answer?;
        let rows = answer["value"].as_array().ok_or(Error::Protocol("RetrieveDuplicates"))?;
        let id = |row: &Value| row[table.table().key].as_str()?.parse().ok();
        people.extend(
            rows.iter().filter_map(id).map(|id| PersonRef { table, id }).filter(|person| person.id != write.id),
        );
    }
    Ok(Duplicates { people, rules })
}

/// `RetrieveDuplicates(BusinessEntity=@p1,MatchingEntityName=@p2,PagingInfo=@p3)`; it is sent inside `$batch`, so that no value stands in
/// a URL that somebody logs.
fn of(write: &Write, matching: PersonTable) -> String {
    let binds = |column: &String| column.contains('@');
    let mut entity: Columns = write.columns.clone().into_iter().filter(|(column, _)| !binds(column)).collect();
    entity.insert("@odata.type".to_owned(), format!("Microsoft.Dynamics.CRM.{}", write.table.name).into());
    let paging = json!({ "PageNumber": 1, "Count": COUNT });
    format!(
        "RetrieveDuplicates(BusinessEntity=@p1,MatchingEntityName=@p2,PagingInfo=@p3)?@p1={}&@p2={}&@p3={}",
        query::encode(&Value::Object(entity).to_string()),
        query::encode(&query::text(matching.table().name)),
        query::encode(&paging.to_string())
    )
}
