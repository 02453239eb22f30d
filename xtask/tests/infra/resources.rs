//! What would be made, and who may reach it.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{set, snapshot::Snapshot};

/// What a private network adds.
const NETWORK: [&str; 6] = [
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/virtualNetworks",
];

#[test]
fn every_kind_of_resource_is_known() {
    let always = set([
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Insights/actionGroups",
        "Microsoft.Insights/components",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.Insights/scheduledQueryRules",
        "Microsoft.Insights/workbooks",
        "Microsoft.KeyVault/vaults",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "Microsoft.OperationalInsights/workspaces",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Storage/storageAccounts/blobServices",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "Microsoft.Storage/storageAccounts/managementPolicies",
        "Microsoft.Storage/storageAccounts/queueServices",
        "Microsoft.Storage/storageAccounts/queueServices/queues",
        "Microsoft.Storage/storageAccounts/tableServices",
        "Microsoft.Storage/storageAccounts/tableServices/tables",
        "Microsoft.Web/serverfarms",
        "Microsoft.Web/sites",
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
        "Microsoft.Web/sites/config",
    ]);
    let kinds = |environment| -> BTreeSet<String> {
        let snapshot = Snapshot::of(environment);
        snapshot.resources().iter().map(|resource| resource["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("sandbox"), always);
    assert_eq!(kinds("production"), &always | &set(NETWORK));
}

#[test]
fn the_identity_has_the_roles_that_it_needs_and_no_other() {
    let expected = set([
        "Microsoft.Insights/components 3913510d-42f4-4e42-8a64-420c390055eb",
        "Microsoft.KeyVault/vaults 4633458b-17de-408a-b874-0445c86b69e6",
        "Microsoft.Storage/storageAccounts 0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
        "Microsoft.Storage/storageAccounts 974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        "Microsoft.Storage/storageAccounts b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    ]);
    for snapshot in Snapshot::all() {
        let given = snapshot.of_type("Microsoft.Authorization/roleAssignments").map(|assignment| {
            let properties = &assignment["properties"];
            assert_eq!(properties["principalType"], "ServicePrincipal");
            let principal = properties["principalId"].as_str().unwrap();
            assert!(principal.contains("identity-") && principal.ends_with(".outputs.principalId.value]"));
            // …/resourceGroups/RG/providers/KIND/TYPE/NAME/providers/Microsoft.Authorization/…: never a whole group.
            let parts: Vec<&str> = assignment["id"].as_str().unwrap().split('/').collect();
            assert_eq!((parts[5], parts[9], parts[10]), ("providers", "providers", "Microsoft.Authorization"));
            let role = properties["roleDefinitionId"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{}/{} {role}", parts[6], parts[7])
        });
        assert_eq!(given.collect::<BTreeSet<_>>(), expected, "{}", snapshot.environment);
    }
}

#[test]
fn nobody_has_a_key() {
    for snapshot in Snapshot::all() {
        let of = |kind: &str| &snapshot.one(kind)["properties"];
        assert_eq!(of("Microsoft.Storage/storageAccounts")["allowSharedKeyAccess"], false);
        assert_eq!(of("Microsoft.Insights/components")["DisableLocalAuth"], true);
        assert_eq!(of("Microsoft.OperationalInsights/workspaces")["features"]["disableLocalAuth"], true);
        assert_eq!(of("Microsoft.KeyVault/vaults")["enableRbacAuthorization"], true);
        assert_eq!(snapshot.names("Microsoft.Web/sites/basicPublishingCredentialsPolicies"), ["ftp", "scm"]);
        for policy in snapshot.of_type("Microsoft.Web/sites/basicPublishingCredentialsPolicies") {
            assert_eq!(policy["properties"]["allow"], false);
        }
        let deployment = &of("Microsoft.Web/sites")["functionAppConfig"]["deployment"]["storage"]["authentication"];
        assert_eq!(deployment["type"], "UserAssignedIdentity");
        for word in ["AccountKey", "listKeys", "SharedAccessSignature", "connectionString(", "sig="] {
            assert!(!snapshot.text.contains(word), "{}: {word}", snapshot.environment);
        }
    }
}

#[test]
fn outputs_are_names_and_no_secrets() {
    for snapshot in Snapshot::all() {
        let names = snapshot.outputs().keys().map(String::as_str);
        assert_eq!(
            set(names),
            set(["appHostName", "appName", "identityClientId", "keyVaultName", "storageAccountName"])
        );
        for (name, value) in snapshot.outputs() {
            let value = value.as_str().unwrap();
            assert!(
                ["name", "hostName", "clientId"].iter().any(|of| value.ends_with(&format!(".{of}.value]"))),
                "{name}"
            );
        }
    }
}

#[test]
fn only_tls_1_2_and_later_is_spoken_and_no_blob_is_public() {
    for snapshot in Snapshot::all() {
        let storage = &snapshot.one("Microsoft.Storage/storageAccounts")["properties"];
        assert_eq!(storage["minimumTlsVersion"], "TLS1_2");
        assert_eq!(storage["supportsHttpsTrafficOnly"], true);
        assert_eq!(storage["allowBlobPublicAccess"], false);
        assert_eq!(storage["allowCrossTenantReplication"], false);
        for container in snapshot.of_type("Microsoft.Storage/storageAccounts/blobServices/containers") {
            assert_eq!(container["properties"]["publicAccess"], "None");
        }
        let site = &snapshot.one("Microsoft.Web/sites")["properties"];
        assert_eq!(site["httpsOnly"], true);
        assert_eq!(site["siteConfig"]["minTlsVersion"], "1.2");
        assert_eq!(site["siteConfig"]["scmMinTlsVersion"], "1.2");
        assert_eq!(site["siteConfig"]["ftpsState"], "Disabled");
    }
}

#[test]
fn what_is_deleted_in_the_vault_can_be_had_back_and_secrets_come_by_hand() {
    for snapshot in Snapshot::all() {
        let vault = &snapshot.one("Microsoft.KeyVault/vaults")["properties"];
        assert_eq!(vault["enablePurgeProtection"], true);
        assert_eq!(vault["enableSoftDelete"], true);
        assert_eq!(vault["softDeleteRetentionInDays"], 90);
        assert_eq!(snapshot.of_type("Microsoft.KeyVault/vaults/secrets").count(), 0);
    }
}

#[test]
fn the_app_runs_a_custom_handler_on_flex_consumption_as_its_own_identity() {
    for (snapshot, ready) in
        Snapshot::all().into_iter().zip([json!([{ "name": "http", "instanceCount": 1 }]), json!([])])
    {
        let plan = snapshot.one("Microsoft.Web/serverfarms");
        assert_eq!(plan["sku"], json!({ "tier": "FlexConsumption", "name": "FC1" }));
        assert_eq!(plan["properties"]["reserved"], true);
        let site = snapshot.one("Microsoft.Web/sites");
        assert_eq!(site["kind"], "functionapp,linux");
        assert_eq!(site["identity"]["type"], "UserAssigned");
        let config = &site["properties"]["functionAppConfig"];
        assert_eq!(config["runtime"], json!({ "name": "custom", "version": "1.0" }));
        assert_eq!(config["scaleAndConcurrency"]["alwaysReady"], ready, "{}", snapshot.environment);
    }
}

#[test]
fn a_private_environment_is_reached_from_its_network_only() {
    let production = Snapshot::of("production");
    for kind in ["Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"] {
        let properties = &production.one(kind)["properties"];
        assert_eq!(properties["publicNetworkAccess"], "Disabled", "{kind}");
        assert_eq!(properties["networkAcls"]["defaultAction"], "Deny", "{kind}");
        assert_eq!(properties["networkAcls"]["bypass"], "None", "{kind}");
        assert_eq!(properties["networkAcls"]["ipRules"], json!([]), "{kind}");
    }
    let mut groups: Vec<_> = production
        .of_type("Microsoft.Network/privateEndpoints")
        .map(|endpoint| endpoint["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"][0].clone())
        .collect();
    groups.sort_by_key(ToString::to_string);
    assert_eq!(groups, ["blob", "queue", "table", "vault"]);
    assert_eq!(production.of_type("Microsoft.Network/privateDnsZones/virtualNetworkLinks").count(), 4);
    let network = &production.one("Microsoft.Network/virtualNetworks")["properties"];
    let app = &network["subnets"][0]["properties"];
    assert_eq!(app["delegations"][0]["properties"]["serviceName"], "Microsoft.App/environments");
    let joined = production.one("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"].as_str().unwrap();
    assert!(joined.contains("outputs.appSubnetId.value"));

    let site = &Snapshot::of("sandbox").one("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"].clone();
    assert!(site.is_null());
}

#[test]
fn administrators_sign_in_and_the_other_routes_keep_their_keys() {
    let signs_in = |snapshot: &Snapshot| {
        let found = snapshot.of_type("Microsoft.Web/sites/config");
        found
            .filter(|config| config["name"].as_str().unwrap().ends_with("/authsettingsV2"))
            .cloned()
            .collect::<Vec<_>>()
    };
    let production = Snapshot::of("production");
    let [config] = &signs_in(&production)[..] else { panic!("no sign-in") };
    let validation = &config["properties"]["globalValidation"];
    assert_eq!(validation["requireAuthentication"], true);
    assert_eq!(validation["excludedPaths"], json!(["/api/events", "/api/health", "/api/inevent/webhook/*"]));
    // The platform signs with the managed identity: there is no client secret.
    let registration = &config["properties"]["identityProviders"]["azureActiveDirectory"]["registration"];
    assert_eq!(registration["clientSecretSettingName"], "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID");
    // Where it is off, nothing tells the connector to believe in it.
    assert_eq!(
        production.settings()["INEVENT_D365_ADMIN_SIGN_IN"],
        config["properties"]["identityProviders"]["azureActiveDirectory"]["registration"]["clientId"]
    );
    let sandbox = Snapshot::of("sandbox");
    assert!(signs_in(&sandbox).is_empty() && !sandbox.settings().contains_key("INEVENT_D365_ADMIN_SIGN_IN"));
}

#[test]
fn everything_that_can_be_tagged_says_what_it_belongs_to() {
    for snapshot in Snapshot::all() {
        for resource in snapshot.resources() {
            let kind = resource["type"].as_str().unwrap();
            let belongs_to_another = kind.matches('/').count() > 1 && !kind.ends_with("/virtualNetworkLinks");
            let extends_another = ["/roleAssignments", "/diagnosticSettings"].iter().any(|end| kind.ends_with(end));
            if belongs_to_another || extends_another {
                continue;
            }
            let tags = json!({ "application": "inevent-d365", "environment": snapshot.environment });
            assert_eq!(resource["tags"], tags, "{kind}");
        }
    }
}

#[test]
fn whatever_keeps_something_reports_to_the_workspace() {
    for snapshot in Snapshot::all() {
        let watched = snapshot.of_type("Microsoft.Insights/diagnosticSettings").map(|settings| {
            assert!(settings["properties"]["workspaceId"].as_str().unwrap().contains("outputs.workspaceId.value"));
            let id = settings["id"].as_str().unwrap();
            let of = id.split("/providers/").nth(1).unwrap();
            let parts: Vec<&str> = of.split('/').collect();
            format!("{}/{}{}", parts[0], parts[1], parts.get(3).map(|child| format!("/{child}")).unwrap_or_default())
        });
        let expected = [
            "Microsoft.KeyVault/vaults",
            "Microsoft.Storage/storageAccounts/blobServices",
            "Microsoft.Storage/storageAccounts/queueServices",
            "Microsoft.Storage/storageAccounts/tableServices",
            "Microsoft.Web/sites",
        ];
        assert_eq!(watched.collect::<BTreeSet<_>>(), set(expected), "{}", snapshot.environment);
    }
}
