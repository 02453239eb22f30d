//! The exported solution, imported.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use inevent_d365::setup::{Provisioning, Reach, Solution, Wanted, export};
use serde_json::{Value, json};

use crate::{bare, definitions, news, set_up};

const TABLES: [&str; 4] = ["new_eventattendance", "new_webinarattendance", "contact", "lead"];

fn wanted() -> Wanted {
    Wanted { reach: Reach::BusinessUnit, tables: vec![("new_webinarattendance".into(), None)], ..Wanted::default() }
}

async fn import(world: &crate::world::World, message: &str, file: &[u8]) {
    let body = json!({
        "OverwriteUnmanagedCustomizations": false, "PublishWorkflows": true, "CustomizationFile": STANDARD.encode(file),
    });
    world.crm("POST", message, body).await;
}

#[tokio::test]
async fn export_and_import_lead_to_the_same_definitions_as_setup() {
    let (made, imported) = (bare().await, bare().await);
    set_up(&made, &wanted(), &Provisioning::default()).await;
    import(&imported, "ImportSolution", &export::packed(&Solution::new(&wanted()).unwrap()).unwrap()).await;
    let (made_of, imported_of) = (definitions(&made, &TABLES).await, definitions(&imported, &TABLES).await);
    for (what, is) in made_of.as_object().unwrap() {
        let (is, other) = (lines(is), lines(&imported_of[what]));
        for (is, other) in is.iter().zip(&other) {
            assert_eq!(is, other, "{what}");
        }
        assert_eq!(is.len(), other.len(), "{what}");
    }
    // And `setup` finds nothing left to do.
    assert_eq!(news(&set_up(&imported, &wanted(), &Provisioning::default()).await), [""; 0]);
}

fn lines(value: &Value) -> Vec<String> {
    value
        .as_array()
        .or(value["value"].as_array())
        .unwrap_or(&vec![value.clone()])
        .iter()
        .map(Value::to_string)
        .collect()
}

#[tokio::test]
async fn importing_twice_and_after_setup_changes_nothing() {
    let world = bare().await;
    set_up(&world, &wanted(), &Provisioning::default()).await;
    let before = definitions(&world, &TABLES).await;
    let file = export::packed(&Solution::new(&wanted()).unwrap()).unwrap();
    import(&world, "ImportSolutionAsync", &file).await;
    import(&world, "ImportSolution", &file).await;
    assert_eq!(definitions(&world, &TABLES).await, before);
}
