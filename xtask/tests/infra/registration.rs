//! The application in Entra: the same by Bicep and by `deploy.sh`, which registers it where the Bicep extension knows no cloud.

use std::collections::BTreeSet;

use crate::read;

fn ids(text: &str) -> BTreeSet<String> {
    let is_id = |word: &&str| {
        let lengths: Vec<_> = word.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12] && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
    };
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(is_id).map(str::to_owned).collect()
}

fn by_cli() -> String {
    let script = read("infra/deploy.sh");
    let after = script.split("register_by_cli() {").nth(1).unwrap();
    after.split("\n}\n").next().unwrap().to_owned()
}

#[test]
fn both_ways_give_the_same_ids() {
    let (bicep, cli) = (ids(&read("infra/app-registration.bicep")), ids(&by_cli()));
    assert_eq!(bicep, cli);
    // Dataverse and its `user_impersonation`, the Azure CLI, two roles and a scope.
    assert_eq!(bicep.len(), 6);
    assert!(
        bicep.contains("00000007-0000-0000-c000-000000000000")
            && bicep.contains("78ce3f0f-a1ce-49c2-8cde-64b5c0896db4")
    );
}

#[test]
fn both_ways_say_the_same_words() {
    let (bicep, cli) = (read("infra/app-registration.bicep"), by_cli());
    for words in [
        "Connector.Admin",
        "Connector.Reader",
        "Administrator of the connector",
        "Reader of the connector",
        "Changes settings, replays and drops what is parked, forgets people.",
        "Sees settings, health and what is parked.",
        "Manage the connector",
        "Lets the command line manage the connector as the person who is signed in.",
        "InEvent – Dynamics 365 Connector (",
        "managed-identity",
        "The managed identity of the function app.",
        "/.auth/login/aad/callback",
        "/v2.0",
        "AzureADMyOrg",
        "appRoleAssignmentRequired",
        "requestedAccessTokenVersion",
    ] {
        assert!(bicep.contains(words) && cli.contains(words), "{words}");
    }
}

#[test]
fn no_secret_is_made() {
    for text in [read("infra/app-registration.bicep"), read("infra/deploy.sh")] {
        for word in ["passwordCredentials", "keyCredentials", "credential reset", "--password"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
