//! A small Microsoft Entra ID: registered applications and the tokens issued to them.

mod endpoint;
mod token;

pub(crate) use endpoint::{Grant, answer_metadata, answer_token};
pub(crate) use token::Tokens;

use uuid::Uuid;

/// An application that may ask for tokens.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) client_id: Uuid,
    pub(crate) secret: String,
}

/// A tenant and the applications registered in it.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) tenant: Uuid,
    pub(crate) applications: Vec<Application>,
}

impl Directory {
    pub(crate) fn application(&self, client_id: &str) -> Option<&Application> {
        let id = Uuid::try_parse(client_id).ok()?;
        self.applications.iter().find(|application| application.client_id == id)
    }
}
