//! `$batch` and its quirks.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, MISSING, World};

/// A part of a batch: what stands in for a request.
fn part(boundary: &str, id: Option<&str>, request: &str) -> String {
    let id = id.map_or(String::new(), |id| format!("Content-ID: {id}\n"));
    format!("--{boundary}\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n{id}\n{request}\n")
}

fn post(set: &str, body: &str) -> String {
    format!("POST /api/data/v9.2/{set} HTTP/1.1\nContent-Type: application/json; type=entry\n\n{body}\n")
}

fn statuses(text: &str) -> Vec<u16> {
    text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()).collect()
}

#[tokio::test]
async fn operations_run_one_after_another_until_one_fails() {
    let world = World::new(Seed::Crm).await;
    let get = format!(
        "GET {} HTTP/1.1\nAccept: application/json\n\n",
        world.url(&format!("contacts({ANA})?$select=fullname"))
    );
    let missing = format!("GET contacts({MISSING}) HTTP/1.1\n\n");
    let body = [
        part("b", None, &get),
        part("b", None, &post("tasks", r#"{"subject":"first"}"#)),
        part("b", None, &missing),
        part("b", None, &post("tasks", r#"{"subject":"second"}"#)),
        "--b--\n".to_owned(),
    ]
    .concat();
    let reply = world.batch(&body, None).await;
    assert_eq!(reply.status, 404, "the status of the first failure");
    assert_eq!(statuses(&reply.text), [200, 204, 404]);
    assert!(reply.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
    assert!(reply.text.contains("\"fullname\":\"Ana Silva\""));
    assert!(reply.text.contains("\r\nLocation: ") && reply.text.contains("\r\nOData-EntityId: "));

    let reply = world.batch(&body, Some("odata.continue-on-error")).await;
    assert_eq!((reply.status, statuses(&reply.text)), (200, vec![200, 204, 404, 204]));
}

#[tokio::test]
async fn a_change_set_is_atomic_and_answered_by_its_failure_alone() {
    let world = World::new(Seed::Crm).await;
    let change_set = |last: &str| {
        [
            "--b\nContent-Type: multipart/mixed; boundary=\"c\"\n\n".to_owned(),
            part("c", Some("1"), &post("accounts", r#"{"name":"Made together"}"#)),
            part("c", Some("2"), &post("contacts", r#"{"lastname":"Two","parentcustomerid_account@odata.bind":"$1"}"#)),
            part("c", Some("3"), last),
            "--c--\n\n--b--\n".to_owned(),
        ]
        .concat()
    };
    let failing = change_set(&post("contacts", r#"{"nonsense":1}"#));
    let reply = world.batch(&failing, Some("odata.continue-on-error")).await;
    assert_eq!((reply.status, statuses(&reply.text)), (200, vec![400]));
    assert!(reply.text.contains("changesetresponse_") && reply.text.contains("\r\nContent-ID: 3\r\n"));
    assert_eq!(world.batch(&failing, None).await.status, 400);
    let filter = [("$filter", "name eq 'Made together'")];
    assert_eq!(world.query("accounts", &filter).await.json()["value"], json!([]), "nothing is left of it");

    let patch = "PATCH $1 HTTP/1.1\nContent-Type: application/json\n\n{\"accountnumber\":\"7\"}\n";
    let reply = world.batch(&change_set(patch), None).await;
    assert_eq!((reply.status, statuses(&reply.text)), (200, vec![204, 204, 204]));
    let account = world.query("accounts", &filter).await.json()["value"][0].clone();
    assert_eq!(account["accountnumber"], "7");
    let filter = format!("_parentcustomerid_value eq {}", account["accountid"].as_str().unwrap());
    let people = world.query("contacts", &[("$filter", filter.as_str())]).await.json();
    assert_eq!(people["value"][0]["lastname"], "Two");
}

#[tokio::test]
async fn change_sets_refuse_reads_and_references_to_come() {
    let world = World::new(Seed::Crm).await;
    for (operation, text) in [
        ("GET /api/data/v9.2/contacts HTTP/1.1\n\n".to_owned(), "GET"),
        (
            post("contacts", r#"{"parentcustomerid_account@odata.bind":"$2"}"#),
            "Content-ID Reference: '$2' does not exist in the batch context.",
        ),
    ] {
        let body = [
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n".to_owned(),
            part("c", Some("1"), &operation),
            part("c", Some("2"), &post("accounts", r#"{"name":"x"}"#)),
            "--c--\n--b--\n".to_owned(),
        ]
        .concat();
        let reply = world.batch(&body, None).await;
        assert_eq!((reply.status, statuses(&reply.text)), (400, vec![400]), "{}", reply.text);
        assert!(reply.text.contains(text), "{}", reply.text);
    }
}

#[tokio::test]
async fn lines_that_end_with_lf_only_are_refused() {
    let world = World::new(Seed::Empty).await;
    let good = [part("b", None, &post("tasks", r#"{"subject":"x"}"#)), "--b--\n".to_owned()].concat();
    for body in [good.clone(), good.replace('\n', "\r\n").trim_end().to_owned()] {
        let request = world.request("POST", "$batch").header("content-type", "multipart/mixed;boundary=\"b\"");
        let reply = world.send(request.body(body)).await;
        assert_eq!((reply.status, statuses(&reply.text)), (400, vec![400]), "{}", reply.text);
        assert!(reply.text.contains("0x80048d19") && reply.text.contains("Stream was not readable"));
    }
}

#[tokio::test]
async fn a_batch_has_at_most_a_thousand_operations() {
    let world = World::new(Seed::Empty).await;
    let get = part("b", None, "GET WhoAmI HTTP/1.1\n\n");
    let of = |count: usize| format!("{}--b--\n", get.repeat(count));
    assert_eq!(world.batch(&of(1000), None).await.status, 200);
    assert_eq!(world.batch(&of(1001), None).await.status, 400);
}

#[tokio::test]
async fn a_long_filter_fits_into_a_batch_only() {
    let world = World::new(Seed::Crm).await;
    let values = vec![format!("\"{ANA}\""); 1000].join(",");
    let filter = format!("Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=[{values}])");
    assert_eq!(world.query("contacts", &[("$filter", &filter)]).await.status, 414);
    let get = format!("GET contacts?$select=fullname&$filter={filter} HTTP/1.1\n\n");
    let reply = world.batch(&format!("{}--b--\n", part("b", None, &get)), None).await;
    assert_eq!((reply.status, statuses(&reply.text)), (200, vec![200]));
    assert!(reply.text.contains("Ana Silva"));
}
