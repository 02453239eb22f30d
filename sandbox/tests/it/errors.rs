//! The error catalogue: a request that provokes each row, and the status, code and text it is answered with.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{AMIR, ANA, MISSING, World};

/// What is sent, and what comes back: the text has to contain the last item.
struct Case(&'static str, &'static str, Value, u16, &'static str, String);

#[tokio::test]
async fn wrong_requests_get_the_errors_of_the_catalogue() {
    let world = World::new(Seed::Crm).await;
    let none = Value::Null;
    let long = "x".repeat(51);
    let contact = "contacts";
    let payload = |text: &str| {
        format!(
            "Error identified in Payload provided by the user for Entity :'contacts', For more information on this \
                 error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  \
                 InnerException : {text}"
        )
    };
    let cases = [
        Case("GET", "contacts(99999999-0000-4000-8000-000000000001)", none.clone(), 404, "0x80040217",
            format!("contact With Id = {MISSING} Does Not Exist")),
        Case("POST", contact, json!({ "gendercod": 1 }), 400, "0x80048d19",
            payload("Microsoft.Crm.CrmException: Invalid property 'gendercod' was found in entity \
                     'Microsoft.Dynamics.CRM.contact'. ---> Microsoft.OData.ODataException: The property 'gendercod' \
                     does not exist on type")),
        Case("POST", contact, json!({ "parentcustomerid@odata.bind": format!("/contacts({ANA})") }), 400, "0x80048d19",
            "An undeclared property 'parentcustomerid' which only has property annotations in the payload but no \
             property value was found in the payload.".to_owned()),
        Case("POST", contact, json!({ "parentcustomerid_Account@odata.bind": "/accounts(x)" }), 400, "0x80048d19",
            "undeclared property 'parentcustomerid_Account'".to_owned()),
        Case("POST", contact, json!({ "ownerid@odata.bind": format!("/systemusers({MISSING})") }), 404, "0x80040217",
            format!("systemuser With Id = {MISSING} Does Not Exist")),
        Case("POST", contact, json!({ "familystatuscode": "Charity" }), 400, "0x80048d19",
            "Cannot convert the literal 'Charity' to the expected type 'Edm.Int32'.".to_owned()),
        Case("POST", contact, json!({ "firstname": long }), 400, "0x80044331",
            "A validation error occurred.  The length of the 'firstname' attribute of the 'contact' entity exceeded the \
             maximum allowed length of '50'.".to_owned()),
        Case("POST", contact, json!({ "gendercode": 5 }), 400, "0x8004431a",
            "A validation error occurred. The value 5 of 'gendercode' on record of type 'contact' is outside the valid \
             range. Accepted Values: 1,2.".to_owned()),
        Case("POST", "accounts", json!({ "numberofemployees": 3_000_000_000_i64 }), 400, "0x8004432f", String::new()),
        Case("POST", "new_eventattendances", json!({ "new_engagementscore": 1e12 }), 400, "0x80044330", String::new()),
        Case("POST", "tasks", json!({ "scheduledend": "1700-01-01T00:00:00Z" }), 400, "0x80040239", String::new()),
        Case("POST", "tasks", json!({ "scheduledend": "tomorrow" }), 400, "0x80048d19",
            "Cannot convert the literal 'tomorrow' to the expected type 'Edm.DateTimeOffset'.".to_owned()),
        Case("POST", contact, json!({ "contactid": ANA }), 412, "0x80040237",
            "A record with matching key values already exists.".to_owned()),
        Case("PATCH", "lists(11570000-0000-4000-8000-000000000001)", json!({ "listname": null }), 400, "0x80040203",
            String::new()),
        Case("POST", "activitypointers", json!({ "subject": "x" }), 400, "0x80040800",
            "The 'Create' method does not support entities of type 'activitypointer'.".to_owned()),
        Case("GET", "listmembers(3e3b0000-0000-4000-8000-000000000001)", none.clone(), 400, "0x80040800",
            "The 'Retrieve' method does not support entities of type 'listmember'.".to_owned()),
        Case("GET", "Contacts", none.clone(), 404, "0x8006088a", "Resource not found for the segment 'Contacts'.".to_owned()),
        Case("POST", "WhoAmI", json!({}), 404, "", "No HTTP resource was found that matches the request URI".to_owned()),
        Case("PUT", contact, json!({}), 405, "0x80060888", String::new()),
        Case("GET", "contacts?$select=Name", none.clone(), 400, "0x80060888",
            "Could not find a property named 'Name' on type 'Microsoft.Dynamics.CRM.contact'.".to_owned()),
        Case("GET", "contacts?$filter=parentcustomerid eq 1", none.clone(), 400, "0x80060888",
            "Could not find a property named 'parentcustomerid'".to_owned()),
        Case("GET", "contacts?$filter=lastname eq 'O'Bryan'", none.clone(), 400, "0x80060888",
            "There is an unterminated literal at position 21 in 'lastname eq 'O'Bryan''.".to_owned()),
        Case("GET", "contacts?$filter=lastname eq 5", none.clone(), 400, "0x80060888",
            "A binary operator with incompatible types was detected.".to_owned()),
        Case("GET", "contacts?$orderby=lastname upwards", none.clone(), 400, "0x80060888", String::new()),
        Case("GET", "contacts?$skip=5", none.clone(), 400, "0x80060888", String::new()),
        Case("GET", "contacts?fetchXml=x", none.clone(), 400, "0x80040203", "Invalid XML.".to_owned()),
        Case("GET", "contacts?$nonsense=1", none, 400, "0x80060888", "$nonsense".to_owned()),
    ];
    for Case(method, path, body, status, code, text) in cases {
        let mut request = world.request(method, &path.replace(' ', "%20").replace('\'', "%27"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let reply = world.send(request).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path}: {}", reply.text);
        assert!(reply.message().contains(&text), "{method} {path}: {}", reply.message());
        assert_eq!(reply.header("content-type"), "application/json; odata.metadata=minimal");
        let error = reply.json()["error"].as_object().unwrap().len();
        assert_eq!(error, 2, "nothing but code and message unless annotations are asked for");
    }
}

#[tokio::test]
async fn error_details_come_with_annotations() {
    let world = World::new(Seed::Empty).await;
    let request = world.request("GET", &format!("leads({AMIR})")).header("prefer", "odata.include-annotations=\"*\"");
    let error = world.send(request).await.json()["error"].clone();
    assert!(error["@Microsoft.PowerApps.CDS.HelpLink"].as_str().unwrap().contains("80040217"));
}

#[tokio::test]
async fn answers_carry_the_headers_of_the_platform() {
    let world = World::new(Seed::Empty).await;
    let reply = world.get("WhoAmI").await;
    assert_eq!(reply.header("odata-version"), "4.0");
    assert_eq!(reply.header("x-ms-dop-hint").parse::<u32>().unwrap(), 48);
    // A thousands separator and two digits; what the request itself took may be off already.
    let remaining = reply.header("x-ms-ratelimit-time-remaining-xrm-requests");
    assert!(remaining == "1,200.00" || (remaining.len() == 8 && remaining.starts_with("1,1")), "{remaining}");
    assert!(reply.header("x-ms-ratelimit-burst-remaining-xrm-requests").parse::<u32>().unwrap() < 6000);
    for name in ["x-ms-service-request-id", "req_id", "set-cookie"] {
        assert_ne!(reply.header(name), "", "{name}");
    }
}
