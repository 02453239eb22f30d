//! checkov over the predicted resources. It cannot read the templates: its parser is older than their syntax, and it does not
//! look into the modules of what they compile to.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::peers::Peers;
use crate::peers::tools;
use crate::steps::Verdict;

/// Checks that are not ours to pass, and why.
const SKIPPED: [(&str, &str); 13] = [
    ("CKV_AZURE_13", "it asks every `sites/config` for a sign-in; the sign-in is tested in tests/infra"),
    ("CKV_AZURE_17", "InEvent's webhooks come without client certificates"),
    ("CKV_AZURE_36", "no trusted service needs a way into the storage account: `bypass` stays None"),
    ("CKV_AZURE_63", "HTTP logs are of App Service plans; Flex Consumption logs requests in Application Insights"),
    ("CKV_AZURE_65", "detailed error pages are of App Service plans, and would show errors to callers"),
    ("CKV_AZURE_66", "failed request tracing is of App Service plans on Windows"),
    ("CKV_AZURE_80", "there is no .NET"),
    ("CKV_AZURE_88", "Flex Consumption mounts its package from a blob; Azure Files would need a key"),
    ("CKV_AZURE_206", "ZRS is chosen for the data to stay in its region; what is in the account is on its way"),
    ("CKV_AZURE_212", "Flex Consumption scales by itself; instances always ready are a parameter"),
    ("CKV_AZURE_213", "Flex Consumption has no health check by the platform; /api/health is our own"),
    ("CKV_AZURE_222", "InEvent calls the app from the internet"),
    ("CKV_AZURE_225", "zone redundancy is the region's and the customer's choice; events wait in the queue meanwhile"),
];

/// Passed where the network is private; an environment without one is open to the internet and guarded by Entra alone.
const SKIPPED_WITHOUT_NETWORK: [(&str, &str); 4] = [
    ("CKV_AZURE_35", "the storage account takes calls from anywhere, with tokens only"),
    ("CKV_AZURE_59", "the same"),
    ("CKV_AZURE_109", "the vault takes calls from anywhere, with tokens only"),
    ("CKV_AZURE_189", "the same"),
];

pub fn check() -> Result<Verdict> {
    let program = tools::CHECKOV.ensure(&Peers::folder())?.join("checkov");
    let mut passed = true;
    for environment in ["production", "sandbox"] {
        let path = super::folder().join(format!("parameters/{environment}.snapshot.json"));
        let snapshot = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let snapshot: Value = serde_json::from_slice(&snapshot).context("the predicted resources are not JSON")?;
        let private = has_network(&snapshot);
        let skipped = SKIPPED.iter().chain(SKIPPED_WITHOUT_NETWORK.iter().filter(|_| !private));
        let skipped: Vec<_> = skipped.map(|(check, _)| *check).collect();
        let folder = tempfile::tempdir().context("cannot make a folder for checkov")?;
        let template = folder.path().join(format!("{environment}.json"));
        fs::write(&template, template_of(&snapshot).to_string()).context("cannot write what checkov reads")?;
        let output = Command::new(&program)
            .args(["--framework", "arm", "--compact", "--output", "json", "--skip-download"])
            .args(["--skip-check", &skipped.join(","), "--file"])
            .arg(&template)
            .output()
            .context("cannot run checkov")?;
        passed &= judge(environment, &output)?;
    }
    Ok(Verdict::of(passed))
}

/// Says what failed. That nothing was looked at is a failure, too.
fn judge(environment: &str, output: &Output) -> Result<bool> {
    let describe = || format!("checkov: {}", String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let report: Value = serde_json::from_slice(&output.stdout).with_context(describe)?;
    let failed = report["results"]["failed_checks"].as_array().context("checkov tells no results")?;
    for check in failed {
        eprintln!("{environment}: {} {} ({})", check["check_id"], check["check_name"], check["resource"]);
    }
    let number = |of: &str| report["summary"][of].as_u64().unwrap_or_default();
    println!("   {environment}: {} checks passed, {} failed", number("passed"), number("failed"));
    Ok(failed.is_empty() && number("passed") > 0 && number("parsing_errors") == 0 && output.status.success())
}

fn has_network(snapshot: &Value) -> bool {
    let resources = snapshot["predictedResources"].as_array();
    resources.is_some_and(|resources| resources.iter().any(|one| one["type"] == "Microsoft.Network/privateEndpoints"))
}

/// A flat template of the resources that a deployment would make.
fn template_of(snapshot: &Value) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": snapshot["predictedResources"],
    })
}
