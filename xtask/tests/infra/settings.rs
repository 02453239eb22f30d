//! The application settings: those that somebody reads, and no other.

use std::collections::BTreeSet;

use crate::{literals, read, set, snapshot::Snapshot, sources};

/// Read by the host or the platform alone.
const OF_THE_HOST: [&str; 6] = [
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
];

/// Read, but for a desk: in Azure secrets are in the vault, and settings and records are in the storage account.
const OF_A_DESK: [&str; 6] = [
    "DATAVERSE_CLIENT_SECRET",
    "INEVENT_D365_DESK_STORAGE",
    "INEVENT_D365_SETTINGS",
    "INEVENT_PASSWORD",
    "INEVENT_TOKEN",
    "INEVENT_WEBHOOK_KEYS",
];

/// Read by commands that a person runs, and by no function.
const OF_THE_COMMAND_LINE: [&str; 5] = [
    "AZURE_TOKEN_CREDENTIALS",
    "DATAVERSE_TOKEN",
    "INEVENT_D365_KEY",
    "INEVENT_D365_URL",
    "INEVENT_WEBHOOK_FUNCTION_KEY",
];

const ALWAYS: [&str; 22] = [
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "DATAVERSE_PREFIX",
    "DATAVERSE_SIGN_IN",
    "DATAVERSE_TENANT_ID",
    "DATAVERSE_TOKEN_URL",
    "DATAVERSE_URL",
    "INEVENT_API_URL",
    "INEVENT_COMPANY_ID",
    "INEVENT_D365_LOG",
    "INEVENT_D365_PARKED_DAYS",
    "INEVENT_D365_SYNC_LOG_DAYS",
    "INEVENT_TENANT",
    "INEVENT_TOKEN_SECRET_NAME",
    "INEVENT_WEBHOOK_KEYS_SECRET_NAME",
    "KEY_VAULT_URL",
];

/// The settings that the sources of the deployed connector name.
fn read_by_the_connector() -> BTreeSet<String> {
    let prefixes = ["DATAVERSE_", "INEVENT_", "KEY_VAULT_", "AZURE_", "APPLICATIONINSIGHTS_"];
    let is_one = |word: &&str| {
        let letters = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        letters && prefixes.iter().any(|prefix| word.starts_with(prefix))
    };
    sources()
        .iter()
        .flat_map(|(_, text)| literals(text).filter(is_one).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The settings that the templates can set, for whatever parameters.
fn set_by_the_templates() -> BTreeSet<String> {
    let text = read("infra/main.bicep") + &read("infra/modules/app.bicep");
    let names = text.match_indices(": ").map(|(colon, _)| {
        let before = &text[..colon];
        &before[before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1)..]
    });
    // All settings have an underscore, and nothing else in the two files has.
    set(names.filter(|name| name.contains('_')))
}

#[test]
fn the_settings_of_an_environment_are_exactly_these() {
    let names = |environment| set(Snapshot::of(environment).settings().keys().map(String::as_str));
    assert_eq!(names("sandbox"), set(ALWAYS));
    let federated =
        set(["DATAVERSE_CLIENT_ID", "INEVENT_D365_ADMIN_SIGN_IN", "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"]);
    assert_eq!(names("production"), &set(ALWAYS) | &federated);
}

#[test]
fn every_setting_that_the_connector_reads_is_set_and_no_other() {
    let (read, set_in_azure) = (read_by_the_connector(), set_by_the_templates());
    assert!(read.contains("DATAVERSE_URL") && set_in_azure.contains("DATAVERSE_URL"));

    let elsewhere = &set(OF_A_DESK) | &set(OF_THE_COMMAND_LINE);
    let unset: Vec<_> = read.difference(&set_in_azure).filter(|name| !elsewhere.contains(*name)).collect();
    assert!(unset.is_empty(), "read and not set: {unset:?}; set them in infra/main.bicep, or say here whose they are");

    let known = &read | &set(OF_THE_HOST);
    let unread: Vec<_> = set_in_azure.difference(&known).collect();
    assert!(unread.is_empty(), "set and read by nobody: {unread:?}");
}

#[test]
fn nothing_that_flex_consumption_refuses_is_set() {
    for snapshot in Snapshot::all() {
        for name in snapshot.settings().keys() {
            let refused =
                name.starts_with("FUNCTIONS_") || name.starts_with("WEBSITE_") || name == "AzureWebJobsStorage";
            assert!(!refused, "{}: {name}", snapshot.environment);
        }
    }
}

#[test]
fn the_sign_in_is_one_that_needs_no_secret() {
    for (environment, sign_in) in [("production", "federated"), ("sandbox", "managed-identity")] {
        let snapshot = Snapshot::of(environment);
        assert_eq!(snapshot.settings()["DATAVERSE_SIGN_IN"], sign_in);
        assert!(!snapshot.settings().keys().any(|name| name.contains("SECRET_NAME") && name.starts_with("DATAVERSE")));
    }
}

#[test]
fn the_host_records_no_calls_of_its_own_and_drops_no_line() {
    let host: serde_json::Value = serde_json::from_str(&read("host.json")).unwrap();
    let insights = &host["logging"]["applicationInsights"];
    assert_eq!(insights["enableDependencyTracking"], false);
    let excluded = insights["samplingSettings"]["excludedTypes"].as_str().unwrap();
    assert!(["Request", "Exception", "Trace"].iter().all(|kind| excluded.split(';').any(|other| other == *kind)));
}
