//! Which connector a command is about, and the way to it.

mod az;
mod roles;
mod routes;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use inevent_d365::{
    azure::{AZURE_CLI, Account, TOKEN_CREDENTIALS, Why, probe},
    functions::ADMIN_SIGN_IN,
    manage::{Ask, Ground, ManageError},
};

use self::{az::FunctionApp, roles::Roles, routes::Routes};

/// The connector that is meant.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Deployed connector")]
pub struct Target {
    /// The function app that is meant, as you are signed in with az CLI; without it the connector that the environment variables name
    ///
    /// Its settings are read with az (role Website Contributor on the app, or one that holds it). Then its storage account is used
    /// (roles Storage Queue, Table and Blob Data Contributor), or, where the account's network keeps this machine out, the app's own
    /// /api/manage (role Connector.Admin or Connector.Reader of the application; no data role).
    #[arg(long, value_name = "NAME", global = true)]
    app: Option<String>,
    /// Its resource group; without it the app is looked for in the subscription
    #[arg(long, value_name = "NAME", global = true, requires = "app")]
    resource_group: Option<String>,
    /// Its subscription, by name or id; without it az CLI's current one
    #[arg(long, value_name = "NAME", global = true, requires = "app")]
    subscription: Option<String>,
    /// Which way is taken to it
    #[arg(long, value_name = "WAY", global = true, requires = "app", value_enum)]
    via: Option<Via>,
}

/// A way to a deployed connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Via {
    /// Its storage account
    Storage,
    /// Its /api/manage
    Routes,
}

/// Who has to do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Anybody,
    /// The app, where that can be asked: only it has the credentials that are looked at.
    App,
}

/// A connector that can be asked.
pub enum Connector {
    /// By its storage, and by what its settings name.
    Storage { ground: Ground, roles: Option<Roles> },
    /// By its routes.
    Routes(Routes),
}

/// The connector that the environment variables name, for what is done by this process itself.
pub fn by_environment() -> Ground {
    Ground::open(|name| std::env::var(name).ok())
}

impl Target {
    /// Whether a deployed connector is meant.
    pub fn is_deployed(&self) -> bool {
        self.app.is_some()
    }

    /// Where the function app answers: as it was said, else as az CLI tells of the one that is meant.
    ///
    /// # Errors
    /// When neither says it.
    pub async fn url(&self, said: Option<String>) -> Result<String> {
        match said {
            Some(url) => Ok(url),
            None if self.is_deployed() => self.find().await?.url().await,
            None => bail!("say which function app: --url https://APP.azurewebsites.net, or --app NAME"),
        }
    }

    async fn find(&self) -> Result<FunctionApp> {
        let name = self.app.as_deref().unwrap_or_default();
        FunctionApp::find(name, self.resource_group.as_deref(), self.subscription.as_deref()).await
    }

    /// The way to the connector.
    ///
    /// # Errors
    /// In words: which right is missing, or what cannot be reached.
    pub async fn connector(&self, who: Who) -> Result<Connector> {
        let Some(name) = &self.app else {
            return Ok(Connector::Storage { ground: by_environment(), roles: None });
        };
        let app = self.find().await?;
        let mut settings = app.settings().await?;
        let client_id = settings.get(ADMIN_SIGN_IN).filter(|id| !id.trim().is_empty()).cloned();
        let routes = async |client_id: &str| Ok(Connector::Routes(Routes::new(&app.url().await?, client_id)?));
        match (self.via, &client_id) {
            (Some(Via::Routes), Some(client_id)) => return routes(client_id).await,
            (Some(Via::Routes), None) => {
                bail!("{name} has no sign-in for administrators: deploy it with adminSignInClientId (infra/README.md)")
            }
            (None, Some(client_id)) if who == Who::App => return routes(client_id).await,
            _ => {}
        }
        // The person at the terminal, wherever the app would be itself. A token of the app's identity cannot be had from here.
        settings.insert(TOKEN_CREDENTIALS.to_owned(), AZURE_CLI.to_owned());
        settings.insert("DATAVERSE_SIGN_IN".to_owned(), "managed-identity".to_owned());
        let lookup = move |name: &str| settings.get(name).cloned();
        let account = Account::from_settings("AzureWebJobsStorage", &lookup)?;
        let roles = Roles::new(&app, &account);
        let Err(shut) = probe(&account).await else {
            return Ok(Connector::Storage { ground: Ground::open(lookup), roles: Some(roles) });
        };
        match (shut.why, client_id) {
            (Why::Network, Some(client_id)) if self.via.is_none() => routes(&client_id).await,
            (Why::Network, _) => bail!(
                "The storage account of {name} cannot be reached from here: its network keeps this machine out. Run this from within its \
                 network, add your address to adminAddresses, or deploy with adminSignInClientId, so that the command goes through \
                 the app (infra/README.md)."
            ),
            (Why::Role, _) => bail!("{}", roles.missing(Some(shut.service))),
            (Why::Other(why), _) => bail!("The {} storage of {name} refuses: {why}", shut.service),
        }
    }
}

impl Connector {
    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// When it was not done.
    pub async fn ask<A: Ask>(&self, asked: A) -> Result<A::Answer, ManageError> {
        match self {
            Self::Routes(routes) => routes.ask(asked).await,
            Self::Storage { ground, roles } => asked.answer(ground).await.map_err(|error| match (error, roles) {
                (ManageError::Unavailable(why), Some(roles)) if why.contains("AuthorizationPermissionMismatch") => {
                    ManageError::Unavailable(format!("{why}\n{}", roles.missing(None)))
                }
                // The setting is meant to be set in this command's environment.
                (ManageError::Unavailable(why), None) if why.starts_with("no storage account") => {
                    ManageError::Unavailable(format!(
                        "{why}\nSet it as in the function app, in this command's environment, or name the app: --app NAME."
                    ))
                }
                (error, _) => error,
            }),
        }
    }
}
