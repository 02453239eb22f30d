//! `infra/deploy.sh`, with a stand-in for the Azure CLI that notes what it is asked for.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{read, root};

const SECRET: &str = "s3cret-that-nobody-may-see";

/// A subscription in which nothing was deployed yet.
struct Azure {
    folder: TempDir,
    cloud: &'static str,
    authority: &'static str,
}

impl Azure {
    fn new() -> Self {
        Self::of("AzureCloud", "https://login.microsoftonline.com")
    }

    fn of(cloud: &'static str, authority: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let az = folder.path().join("az");
        fs::write(&az, include_str!("az.sh")).unwrap();
        fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, cloud, authority }
    }

    fn run(&self, options: &[&str]) -> Output {
        let _ = fs::remove_file(self.folder.path().join("calls"));
        let path = std::env::var("PATH").unwrap();
        Command::new("bash")
            .arg(root().join("infra/deploy.sh"))
            .args(options)
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .env("FAKE_AZ", self.folder.path())
            .env("FAKE_CLOUD", self.cloud)
            .env("FAKE_AUTHORITY", self.authority)
            .env("FAKE_SECRET", SECRET)
            .env_remove("CONNECTOR_CLIENT_ID")
            .env_remove("CONNECTOR_ADMIN_ADDRESSES")
            .output()
            .unwrap()
    }

    /// Deploys the environment with further options and gives the calls that change something, in their order.
    fn deploy(&self, environment: &str, options: &[&str]) -> Vec<String> {
        let always = ["--environment", environment, "--resource-group", "rg", "--location", "westeurope"];
        let output = self.run(&[&always, options].concat());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        assert!(!out.contains(SECRET) && !err.contains(SECRET));
        self.calls().into_iter().filter(|call| changes(call)).collect()
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// What the parameters' files saw, a line for each deployment.
    fn environment(&self) -> String {
        fs::read_to_string(self.folder.path().join("environment")).unwrap_or_default()
    }
}

fn changes(call: &str) -> bool {
    let verb = call.split_whitespace().take_while(|word| !word.starts_with('-')).last().unwrap();
    !["show", "list", "exists", "what-if"].contains(&verb)
}

/// Each call by its command and what it is about.
fn short(calls: &[String]) -> Vec<String> {
    let about = |call: &String| {
        let words: Vec<&str> = call.split_whitespace().collect();
        let command: Vec<&str> = words.iter().take_while(|word| !word.starts_with('-')).copied().collect();
        let name = words.iter().position(|word| *word == "--name").map(|at| words[at + 1]);
        command.into_iter().chain(name.filter(|_| words[0] == "deployment")).collect::<Vec<_>>().join(" ")
    };
    calls.iter().map(about).collect()
}

const DEPLOYMENTS: [&str; 2] =
    ["deployment group create inevent-d365-registration", "deployment group create inevent-d365"];

#[test]
fn the_first_run_makes_everything_in_order_and_the_second_only_what_may_have_changed() {
    let azure = Azure::new();
    let first = short(&azure.deploy("production", &[]));
    let (providers, rest) = first.split_at(8);
    assert!(providers.iter().all(|call| call == "provider register"));
    assert_eq!(rest[..2], ["group create", "deployment group create inevent-d365-identity"]);
    assert_eq!(rest[2..], DEPLOYMENTS);
    for _ in 0..2 {
        assert_eq!(short(&azure.deploy("production", &[])), DEPLOYMENTS);
    }
}

#[test]
fn each_step_is_told_what_the_one_before_has_made() {
    let azure = Azure::new();
    let calls = azure.deploy("production", &["--allow-address", "203.0.113.7", "--allow-address", "203.0.113.9"]);
    let registration = calls.iter().find(|call| call.contains("inevent-d365-registration")).unwrap();
    assert!(registration.contains("identityPrincipalId=the-principalId"), "{registration}");
    assert!(registration.contains("appHostName=the-appName.azurewebsites.net"), "{registration}");
    let last = azure.environment().lines().last().unwrap().to_owned();
    assert_eq!(last, "inevent-d365 CONNECTOR_CLIENT_ID=the-clientId CONNECTOR_ADMIN_ADDRESSES=203.0.113.7,203.0.113.9");
    let main = calls.last().unwrap();
    assert!(main.contains("parameters/production.bicepparam") && main.contains("location=westeurope"), "{main}");
    assert!(
        calls.iter().filter(|call| !call.starts_with("ad ")).all(|call| call.contains("--subscription a-subscription"))
    );
}

#[test]
fn what_if_changes_nothing() {
    let empty = Azure::new();
    assert_eq!(empty.deploy("production", &["--what-if"]), [""; 0]);

    let deployed = Azure::new();
    deployed.deploy("production", &[]);
    let package = deployed.folder.path().join("package.zip");
    fs::write(&package, "").unwrap();
    assert_eq!(deployed.deploy("production", &["--what-if", "--package", package.to_str().unwrap()]), [""; 0]);
    let predicted = deployed.calls().iter().filter(|call| call.starts_with("deployment group what-if")).count();
    assert_eq!(predicted, DEPLOYMENTS.len());

    let elsewhere = Azure::of("AzureUSGovernment", "https://login.microsoftonline.us");
    elsewhere.deploy("production", &[]);
    assert_eq!(elsewhere.deploy("production", &["--what-if"]), [""; 0]);
}

#[test]
fn the_package_comes_last() {
    let azure = Azure::new();
    let package = azure.folder.path().join("package.zip");
    fs::write(&package, "").unwrap();
    let calls = azure.deploy("production", &["--package", package.to_str().unwrap()]);
    let last = calls.last().unwrap();
    assert!(last.starts_with("functionapp deployment source config-zip"), "{last}");
    assert!(last.contains("--name the-appName") && last.contains("package.zip"), "{last}");
}

#[test]
fn nobodys_secret_is_asked_for() {
    let azure = Azure::new();
    azure.deploy("production", &[]);
    for call in azure.calls() {
        assert!(!call.contains("secret show") && !call.contains("keys list") && !call.contains("secret set"), "{call}");
    }
}

#[test]
fn an_application_of_somebody_elses_is_taken_as_it_is() {
    let azure = Azure::new();
    let calls = azure.deploy("production", &["--client-id", "their-application"]);
    assert!(!calls.iter().any(|call| call.contains("registration") || call.starts_with("ad ")));
    assert!(
        azure
            .environment()
            .ends_with("inevent-d365 CONNECTOR_CLIENT_ID=their-application CONNECTOR_ADMIN_ADDRESSES=\n")
    );
}

#[test]
fn a_managed_identity_needs_no_application() {
    let azure = Azure::new();
    let calls = azure.deploy("sandbox", &["--no-registration"]);
    assert!(!calls.iter().any(|call| call.contains("registration") || call.starts_with("ad ")));
    assert!(azure.environment().ends_with("inevent-d365 CONNECTOR_CLIENT_ID= CONNECTOR_ADMIN_ADDRESSES=\n"));
}

/// The JSON that an option is given.
fn document(call: &str, option: &str) -> Value {
    let text = call.split(option).nth(1).unwrap_or_else(|| panic!("{call}: no {option}"));
    serde_json::Deserializer::from_str(text).into_iter().next().unwrap().unwrap()
}

#[test]
fn where_the_graph_extension_is_unknown_the_cli_registers() {
    for (cloud, authority, audience, host, graph) in [
        (
            "AzureUSGovernment",
            "https://login.microsoftonline.us",
            "api://AzureADTokenExchangeUSGov",
            "the-appName.azurewebsites.us",
            "https://graph.microsoft.us/",
        ),
        (
            "AzureChinaCloud",
            "https://login.chinacloudapi.cn",
            "api://AzureADTokenExchangeChina",
            "the-appName.chinacloudsites.cn",
            "https://microsoftgraph.chinacloudapi.cn/",
        ),
    ] {
        let azure = Azure::of(cloud, authority);
        let first = azure.deploy("production", &[]);
        let of_entra = |calls: &[String]| {
            short(calls).into_iter().filter(|call| call.starts_with("ad ") || call == "rest").collect::<Vec<_>>()
        };
        assert_eq!(
            of_entra(&first),
            ["ad app create", "rest", "ad sp create", "ad sp update", "ad app federated-credential create"]
        );
        let call = |start: &str| first.iter().find(|call| call.starts_with(start)).unwrap();
        let credential = document(call("ad app federated-credential create"), "--parameters ");
        assert_eq!(credential["audiences"], serde_json::json!([audience]));
        assert_eq!(credential["issuer"], format!("{authority}/a-tenant/v2.0"));
        assert_eq!(credential["subject"], "the-principalId");
        let roles = document(call("ad app create"), "--app-roles ");
        assert_eq!(roles.as_array().map(Vec::len), Some(2));
        let access = document(call("ad app create"), "--required-resource-accesses ");
        assert_eq!(access[0]["resourceAccess"][0]["type"], "Scope");
        assert_eq!(document(call("rest"), "--body ")["api"]["requestedAccessTokenVersion"], 2);
        assert!(call("ad app create").contains(&format!("https://{host}/.auth/login/aad/callback")));
        assert!(call("rest").contains(graph));
        assert!(azure.environment().contains("inevent-d365 CONNECTOR_CLIENT_ID=the-application "));

        let second = azure.deploy("production", &[]);
        assert_eq!(of_entra(&second), ["ad app update", "rest", "ad sp update", "ad app federated-credential update"]);
    }
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_is_asked() {
    let azure = Azure::new();
    for options in [
        &["--environment", "production"][..],
        &["--environment", "nowhere", "--resource-group", "rg", "--location", "westeurope"],
        &["--environment", "sandbox", "--resource-group", "rg", "--location", "westeurope", "--package", "missing.zip"],
        &["--frobnicate"],
        &["--environment"],
    ] {
        let output = azure.run(options);
        assert!(!output.status.success(), "{options:?}");
        assert!(azure.calls().is_empty(), "{options:?}");
    }
    assert!(azure.run(&["--help"]).status.success());
}

#[test]
fn it_says_beforehand_what_it_will_do() {
    let azure = Azure::new();
    let output = azure.run(&["--environment", "production", "--resource-group", "rg", "--location", "westeurope"]);
    let out = String::from_utf8(output.stdout).unwrap();
    let plan = out.split("== 1.").next().unwrap();
    for word in
        ["The subscription (a-subscription)", "AzureCloud", "rg, westeurope", "app-registration.bicep", "main.bicep"]
    {
        assert!(plan.contains(word), "{word}: {plan}");
    }
    let after = out.split("what is left to do").last().unwrap().to_lowercase();
    for word in ["consent", "application user", "inevent-token is there", "inevent-webhook-keys is missing"] {
        assert!(after.contains(word), "{word}: {after}");
    }
}

#[test]
fn every_parameters_file_is_named_after_its_environment() {
    for environment in ["production", "sandbox"] {
        let text = read(&format!("infra/parameters/{environment}.bicepparam"));
        assert!(text.contains(&format!("param environmentName = '{environment}'\n")));
    }
}
