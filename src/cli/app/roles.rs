//! Which Azure roles a command needs over a storage account, and how they are given.

use inevent_d365::azure::{Account, Service};

use super::az::FunctionApp;

/// The storage account whose data roles are meant.
#[derive(Debug)]
pub struct Roles {
    scope: String,
}

impl Roles {
    pub fn new(app: &FunctionApp, account: &Account) -> Self {
        Self { scope: app.storage_id(account.name().as_deref().unwrap_or("ACCOUNT")) }
    }

    /// What is missing to whoever is signed in, for one service of the account or any of them.
    pub fn missing(&self, service: Option<Service>) -> String {
        let lacking = match service {
            Some(service) => format!("You have no role for the {service} data of the storage account."),
            None => "You may not do this to the data of the storage account.".to_owned(),
        };
        let services = ["Queue", "Table", "Blob"];
        let lines = services.map(|service| {
            format!(
                "  az role assignment create --role 'Storage {service} Data Contributor' --scope {} \\\n    \
                 --assignee \"$(az ad signed-in-user show --query id --output tsv)\"",
                self.scope
            )
        });
        format!(
            "{lacking} Commands need Storage Queue Data Contributor, Storage Table Data Contributor and Storage Blob Data Contributor; to \
             look only, Storage Queue Data Reader, Storage Table Data Reader and Storage Blob Data Reader will do. Whoever may assign \
             roles:\n{}\nIt takes some minutes until a new role counts. With --via routes the app's own sign-in is used instead, which \
             needs the role Connector.Admin or Connector.Reader.",
            lines.join("\n")
        )
    }
}
