//! A Dataverse environment that `setup dataverse` makes ready and `check` looks at, over HTTP, from nothing on.
//!
//! The environment is the Dataverse sandbox, without the connector's tables.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod checking;
mod files;
mod privileges;
mod provisioning;
mod role;
mod signing_in;
#[allow(dead_code)]
#[path = "../sync/world.rs"]
mod world;

use dataverse_sandbox::Seed;
use inevent_d365::setup::{Provisioning, Solution, Step, StepState, Wanted, provision};
use serde_json::{Value, json};
use world::World;

/// An environment as Microsoft hands it over.
async fn bare() -> World {
    World::seeded(Seed::Bare, json!({})).await
}

/// Runs `setup` as the administrator.
async fn set_up(world: &World, wanted: &Wanted, more: &Provisioning) -> Vec<Step> {
    let solution = Solution::new(wanted).unwrap();
    provision(&world.administrator(), &solution, more, &mut |_| {}).await.unwrap()
}

/// Runs `setup` as it is run first.
async fn standard(world: &World) -> Vec<Step> {
    set_up(world, &Wanted::default(), &Provisioning::default()).await
}

/// What was not there already.
fn news(steps: &[Step]) -> Vec<&str> {
    steps.iter().filter(|step| step.state != StepState::There).map(|step| step.what.as_str()).collect()
}

/// Every definition that the connector is about, and the rows that belong to them.
async fn definitions(world: &World, tables: &[&str]) -> Value {
    let mut all = json!({});
    for table in tables {
        let path = format!("EntityDefinitions(LogicalName='{table}')");
        for part in ["", "/Attributes", "/Keys"] {
            all[format!("{path}{part}")] =
                without_context(world.crm("GET", &format!("{path}{part}"), Value::Null).await);
        }
        let choices = format!("{path}/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$expand=OptionSet");
        all[&choices] = without_context(world.crm("GET", &choices, Value::Null).await);
    }
    for (set, columns) in [
        ("publishers", "uniquename,friendlyname,customizationprefix,customizationoptionvalueprefix"),
        ("solutions", "uniquename,friendlyname,description,version"),
        ("savedqueries", "savedqueryid,name,returnedtypecode,querytype,isdefault,fetchxml,layoutxml"),
        ("systemforms", "formid,name,objecttypecode,type,formactivationstate,formxml"),
        ("roles", "roleid,name"),
        ("roleprivilegescollection", "roleid,privilegeid,privilegedepthmask"),
        ("solutioncomponents", "componenttype,objectid"),
    ] {
        let rows = world.crm("GET", &format!("{set}?$select={columns}"), Value::Null).await;
        let without = |row: &Value| {
            let columns = columns.split(',').map(|column| (column.to_owned(), row[column].clone()));
            serde_json::Map::from_iter(columns)
        };
        let mut rows: Vec<_> = rows["value"].as_array().unwrap().iter().map(without).collect();
        rows.sort_by_key(|row| Value::from(row.clone()).to_string());
        all[set] = json!(rows);
    }
    all
}

fn without_context(mut value: Value) -> Value {
    value.as_object_mut().unwrap().remove("@odata.context");
    value
}
