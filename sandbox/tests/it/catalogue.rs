//! Every row of the catalogue of errors is provoked somewhere.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, MISSING, World};

/// Names, codes and whether a test of this folder provokes them.
const CATALOGUE: [(&str, &str); 46] = [
    ("PrivilegeDenied", "0x80040220"),
    ("PrincipalPrivilegeDenied", "0x80048306"),
    ("UserNotAssignedRoles", "0x80042f09"),
    ("User disabled", "0x80040225"),
    ("Execution time", "0x80072321"),
    ("Concurrent requests", "0x80072326"),
    ("SqlTimeout", "0x80044151"),
    ("SolutionConcurrencyFailure", "0x80071151"),
    ("OrganizationDisabled", "0x8004a104"),
    ("IsvAborted", "0x80040265"),
    ("RequestLengthTooLarge", "0x8004418a"),
    ("CannotShareWithOwner", "0x80040214"),
    ("OpportunityIsAlreadyClosed", "0x80040515"),
    ("PicklistValueNotUnique", "0x80044310"),
    ("ObjectDoesNotExist", "0x80040217"),
    ("RecordNotFoundByEntityKey", "0x80060891"),
    ("EntityKeyNotDefined", "0x80060890"),
    ("DuplicateRecord", "0x80040237"),
    ("DuplicateRecordEntityKey", "0x80060892"),
    ("DuplicateRecordsFound", "0x80040333"),
    ("ConcurrencyVersionMismatch", "0x80060882"),
    ("UserNotMemberOfOrg", "0x80072560"),
    ("Payload refused", "0x80048d19"),
    ("Query refused", "0x80060888"),
    ("Segment not found", "0x8006088a"),
    ("StringLengthTooLong", "0x80044331"),
    ("PicklistValueOutOfRange", "0x8004431a"),
    ("IntegerValueOutOfRange", "0x8004432f"),
    ("DecimalValueOutOfRange", "0x80044330"),
    ("InvalidDateTime", "0x80040239"),
    ("InvalidStateCodeStatusCode", "0x80048408"),
    ("InvalidArgument", "0x80040203"),
    ("UnExpected", "0x80040216"),
    ("Deadlock", "0x80044150"),
    ("Number of requests", "0x80072322"),
    ("CannotDeleteDueToAssociation", "0x80040227"),
    ("UnsupportedListMemberType", "0x80040301"),
    ("InvalidOperationWhenListLocked", "0x80040302"),
    ("InvalidOperationWhenListIsNotActive", "0x8004033a"),
    ("InvalidOperationForDynamicList", "0x8004f701"),
    ("CannotRemoveNonListMember", "0x80048458"),
    ("ExpiredVersionStamp", "0x80044352"),
    ("EntityKeyNameExists", "0x80060893"),
    ("EntityKeyWithSelectedAttributesExists", "0x80060894"),
    ("InvalidNamePrefix", "0x80044366"),
    ("ChangeTrackingNotEnabledForEntity", "0x80072491"),
];

#[test]
fn every_error_is_provoked() {
    let tests = [
        include_str!("admin.rs"),
        include_str!("batch.rs"),
        include_str!("bulk.rs"),
        include_str!("customizing.rs"),
        include_str!("errors.rs"),
        include_str!("limits.rs"),
        include_str!("messages.rs"),
        include_str!("records.rs"),
        include_str!("sales.rs"),
        include_str!("security.rs"),
        include_str!("sharing.rs"),
        include_str!("token.rs"),
        include_str!("tracking.rs"),
        // What follows the list itself.
        include_str!("catalogue.rs").split_once("async fn").unwrap().1,
    ];
    for (name, code) in CATALOGUE {
        assert!(tests.iter().any(|test| test.contains(code)), "no test provokes {name} {code}");
    }
}

#[tokio::test]
async fn bodies_that_are_too_long_are_refused() {
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "switches", Some(json!({ "request_limit_bytes": 100 }))).await;
    assert_eq!(world.post("contacts", &json!({ "lastname": "Short" })).await.status, 204);
    let reply = world.post("contacts", &json!({ "lastname": "x".repeat(100) })).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "0x8004418a"));
}

#[tokio::test]
async fn keys_that_are_not_defined_are_refused() {
    let world = World::new(Seed::Crm).await;
    let reply = world.get("contacts(jobtitle='x')").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "0x80060890"));
    assert_eq!(
        reply.message(),
        "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.contact'. Ensure that the names \
         and number of key properties match the declared or alternate key properties for the resource \
         'Microsoft.Dynamics.CRM.contact'."
    );
}

#[tokio::test]
async fn a_violated_key_tells_its_values_to_those_who_ask() {
    let world = World::new(Seed::Empty).await;
    let label = json!({ "LocalizedLabels": [{ "Label": "Account number", "LanguageCode": 1033 }] });
    let key = json!({ "SchemaName": "new_Number", "KeyAttributes": ["accountnumber"], "DisplayName": label });
    assert_eq!(world.post("EntityDefinitions(LogicalName='account')/Keys", &key).await.status, 204);
    let body = json!({ "name": "A", "accountnumber": "A<1" });
    assert_eq!(world.post("accounts", &body).await.status, 204);
    let request = world.request("POST", "accounts").header("Prefer", "odata.include-annotations=\"*\"");
    let reply = world.send(request.json(&body)).await;
    assert_eq!((reply.status, reply.code().as_str()), (412, "0x80060892"));
    assert_eq!(
        reply.message(),
        "Entity Key Account number violated. A record with the same value for Account Number already exists. A \
         duplicate record cannot be created. Select one or more unique values and try again."
    );
    let details = "@Microsoft.PowerApps.CDS.ErrorDetails";
    let error = &reply.json()["error"];
    assert_eq!(error[format!("{details}.0")], "Account number");
    assert_eq!(
        error[format!("{details}.DuplicateAttributes")],
        "<DuplicateAttributes><accountnumber>A&lt;1</accountnumber></DuplicateAttributes>"
    );
}

#[tokio::test]
async fn states_and_statuses_that_do_not_go_together_are_refused() {
    let world = World::new(Seed::Crm).await;
    let reply = world.patch(&format!("contacts({ANA})"), &json!({ "statecode": 1, "statuscode": 1 })).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "0x80048408"));
    let text = format!("1 is not a valid status code for state code ContactState.Inactive on contact with Id {ANA}.");
    assert_eq!(reply.message(), text);
    let body = json!({ "Targets": [{ "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": MISSING }] });
    let reply = world.post("contacts/Microsoft.Dynamics.CRM.UpdateMultiple", &body).await;
    assert_eq!(reply.message(), format!("Contact With Ids = {MISSING} Do Not Exist"));
}
