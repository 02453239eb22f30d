//! The app's `/api/manage`, asked with a token of the person who is signed in with az CLI.

use std::time::Duration;

use anyhow::Result;
use azure_core::credentials::{Secret, TokenCredential};
use inevent_d365::{
    azure::Identity,
    functions::http_client,
    manage::{Ask, ManageError},
};
use reqwest::{StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

/// Azure itself ends a request after 230 seconds.
const PATIENCE: Duration = Duration::from_secs(240);

/// The routes of one app.
pub struct Routes {
    url: String,
    client_id: String,
    http: reqwest::Client,
    person: Arc<dyn TokenCredential>,
}

impl Routes {
    /// `client_id` is that of the application by which administrators sign in. No call is made.
    pub fn new(url: &str, client_id: &str) -> Result<Self> {
        let person = Identity::AzureCli.credential()?;
        Ok(Self { url: url.to_owned(), client_id: client_id.to_owned(), http: http_client()?, person })
    }

    pub async fn ask<A: Ask>(&self, asked: A) -> Result<A::Answer, ManageError> {
        let token = self.token().await?;
        let url = format!("{}/api/manage/{}", self.url, A::NAME);
        let request = self.http.post(&url).bearer_auth(token.secret()).json(&asked).timeout(PATIENCE);
        let answer = request.send().await;
        let answer = answer.map_err(|error| unavailable(format!("{url} does not answer: {}", error.without_url())))?;
        let status = answer.status();
        let location = answer.headers().contains_key(header::LOCATION);
        let body = answer.bytes().await.map_err(|error| unavailable(format!("{url}: {}", error.without_url())))?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                .map_err(|_| unavailable("the app answers in a form that this release does not know".to_owned()));
        }
        if let Ok(told) = serde_json::from_slice::<ManageError>(&body) {
            return Err(told);
        }
        let said =
            serde_json::from_slice::<Value>(&body).ok().and_then(|body| Some(body["error"].as_str()?.to_owned()));
        Err(unavailable(match (status.as_u16(), said) {
            (401 | 403, _) => format!(
                "the app's sign-in refuses you ({status}): let somebody assign you Connector.Admin or Connector.Reader of the application \
                 {} in Entra, then `az logout` and `az login`",
                self.client_id
            ),
            _ if location => format!("the app's sign-in does not take the token of az CLI ({status})"),
            (404, _) => "the app has no /api/manage: deploy this release first".to_owned(),
            (_, Some(said)) => format!("the app answers {status}: {said}"),
            (_, None) => format!("the app answers {status}"),
        }))
    }

    async fn token(&self) -> Result<Secret, ManageError> {
        let scope = format!("{}/.default", self.client_id);
        let token = self.person.get_token(&[&scope], None).await;
        token.map(|token| token.token).map_err(|error| {
            unavailable(format!(
                "az CLI gives no token for the application {}: {error}. If it asks for it, run `az login --scope {scope}`",
                self.client_id
            ))
        })
    }
}

fn unavailable(why: String) -> ManageError {
    ManageError::Unavailable(why)
}
