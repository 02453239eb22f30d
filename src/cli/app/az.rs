//! What az CLI tells of a function app, as the person who is signed in there.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::process::Command;

/// A function app, found.
#[derive(Debug)]
pub struct FunctionApp {
    name: String,
    /// Its resource id.
    id: String,
    group: String,
    subscription: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    id: String,
    #[serde(rename = "resourceGroup")]
    group: String,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    value: Option<String>,
}

impl FunctionApp {
    /// # Errors
    /// When there is no such app, or several.
    pub async fn find(name: &str, group: Option<&str>, subscription: Option<&str>) -> Result<Self> {
        let mut arguments = vec!["resource", "list", "--name", name, "--resource-type", "Microsoft.Web/sites"];
        arguments.extend(group.iter().flat_map(|group| ["--resource-group", group]));
        let found: Vec<Resource> = az(&arguments, subscription).await?;
        let [Resource { id, group }] = <[Resource; 1]>::try_from(found).map_err(|found| match found.len() {
            0 => anyhow!(
                "az CLI shows no function app {name}: name its --subscription, or have a role on it assigned to you"
            ),
            _ => anyhow!("there are several function apps {name}: say which --resource-group"),
        })?;
        Ok(Self { name: name.to_owned(), id, group, subscription: subscription.map(str::to_owned) })
    }

    /// Its application settings.
    ///
    /// # Errors
    /// When they are not shown to whoever is signed in.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>> {
        let arguments =
            ["functionapp", "config", "appsettings", "list", "--name", &self.name, "--resource-group", &self.group];
        let settings: Vec<Setting> = az(&arguments, self.subscription.as_deref()).await.with_context(|| {
            format!(
                "The settings of {} are read with the role Website Contributor on it. Whoever may assign roles:\n  \
                 az role assignment create --role 'Website Contributor' --assignee YOU --scope {}",
                self.name, self.id
            )
        })?;
        Ok(settings.into_iter().filter_map(|setting| Some((setting.name, setting.value?))).collect())
    }

    /// Where it answers.
    ///
    /// # Errors
    /// When az CLI does not tell.
    pub async fn url(&self) -> Result<String> {
        // Of apps on Flex Consumption some releases of az show the resource as it is.
        let query = "[defaultHostName, properties.defaultHostName]";
        let arguments =
            ["functionapp", "show", "--name", &self.name, "--resource-group", &self.group, "--query", query];
        let hosts: Vec<Option<String>> = az(&arguments, self.subscription.as_deref()).await?;
        let host = hosts.into_iter().flatten().next().with_context(|| format!("{} has no host name", self.name))?;
        // On this very machine there is no certificate.
        let scheme = if host.starts_with("127.0.0.1:") { "http" } else { "https" };
        Ok(format!("{scheme}://{host}"))
    }

    /// The id of a storage account in the same resource group.
    pub fn storage_id(&self, account: &str) -> String {
        let group = self.id.split("/providers/").next().unwrap_or_default();
        format!("{group}/providers/Microsoft.Storage/storageAccounts/{account}")
    }
}

/// Runs az and reads what it prints.
async fn az<T: DeserializeOwned>(arguments: &[&str], subscription: Option<&str>) -> Result<T> {
    let mut command = Command::new("az");
    command.args(arguments).args(["--output", "json", "--only-show-errors"]);
    command.args(subscription.iter().flat_map(|name| ["--subscription", name]));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("az CLI cannot be run: install it, and sign in with `az login`")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let words = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
        bail!("`az {}` failed: {}", arguments[..2].join(" "), words.trim_start_matches("ERROR: "));
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`az {}` is not understood", arguments[..2].join(" ")))
}
