//! The pages a newcomer looks at.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, World};

#[tokio::test]
async fn the_timeline_shows_people_and_what_they_did() {
    let world = World::new(Seed::Crm).await;
    let attended = json!({
        "subject": "Attended: <Summit>",
        "new_attendancestatus": 727_000_000,
        "new_engagementscore": 71,
        "regardingobjectid_contact@odata.bind": format!("/contacts({ANA})"),
    });
    assert_eq!(world.post("new_eventattendances", &attended).await.status, 204);
    let list = world.page("/timeline").await;
    assert_eq!(list.status, 200);
    assert!(list.text.contains("Ana Silva") && list.text.contains("Amir Haddad"));
    assert!(list.text.contains("Attended: &lt;Summit&gt;"), "the newest activity, escaped");
    let found = world.page("/timeline?q=SILVA").await;
    assert!(found.text.contains("Ana Silva") && !found.text.contains("Amir Haddad"));

    let person = world.page(&format!("/timeline/contact/{ANA}")).await;
    for text in ["Head of Marketing", "Marta Oliveira", "Attended: &lt;Summit&gt;", "71.00", "Call about renewal"] {
        assert!(person.text.contains(text), "{text}");
    }
    assert!(person.text.find("Attended:") < person.text.find("Call about renewal"), "newest first");
}

#[tokio::test]
async fn every_page_opens() {
    let world = World::new(Seed::Crm).await;
    for path in ["/", "/tables", "/tables/contacts", "/tables/activitypointers", "/requests", "/style.css"] {
        assert_eq!(world.page(path).await.status, 200, "{path}");
    }
    for path in ["/nothing", "/tables/nothing", "/timeline/contact/nothing"] {
        assert_eq!(world.page(path).await.status, 404, "{path}");
    }
}
