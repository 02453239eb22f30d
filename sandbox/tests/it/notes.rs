//! Notes and the files in them.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, World};

#[tokio::test]
async fn notes_hold_texts_and_files_of_other_rows() {
    let world = World::new(Seed::Crm).await;
    let note = json!({
        "subject": "Badge",
        "notetext": "Printed on Monday",
        "filename": "badge.txt",
        "mimetype": "text/plain",
        "documentbody": "SGVsbG8=",
        "objectid_contact@odata.bind": format!("/contacts({ANA})"),
    });
    let made = world.post("annotations", &note).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let path = format!("annotations({})", made.id());
    let row = world.get(&path).await.json();
    assert_eq!((&row["filesize"], &row["isdocument"]), (&json!(5), &json!(true)));
    assert_eq!((&row["objecttypecode"], &row["documentbody"]), (&json!("contact"), &json!("SGVsbG8=")));
    assert_eq!(row["_objectid_value"], ANA);
    let of_ana = world.get(&format!("contacts({ANA})/Contact_Annotation?$select=subject")).await.json();
    assert_eq!(of_ana["value"][0]["subject"], "Badge");

    let wrong = world.patch(&path, &json!({ "documentbody": "not base64" })).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "0x80040203"));
    assert_eq!(world.patch(&path, &json!({ "documentbody": null, "filename": null })).await.status, 204);
    let row = world.get(&path).await.json();
    assert_eq!((&row["filesize"], &row["isdocument"]), (&json!(0), &json!(false)));

    assert_eq!(world.send(world.request("DELETE", &format!("contacts({ANA})"))).await.status, 204);
    assert_eq!(world.get(&path).await.status, 404, "it goes with its person");
}

#[tokio::test]
async fn activities_have_notes_and_so_have_new_tables_that_say_so() {
    let world = World::new(Seed::Crm).await;
    let attended = world.post("new_eventattendances", &json!({ "subject": "Attended" })).await.id();
    let note = json!({
        "subject": "On an activity",
        "objectid_new_eventattendance@odata.bind": format!("/new_eventattendances({attended})"),
    });
    assert_eq!(world.post("annotations", &note).await.status, 204);
    let noted = world.get(&format!("new_eventattendances({attended})/new_eventattendance_Annotations")).await.json();
    assert_eq!(noted["value"][0]["subject"], "On an activity");
}
