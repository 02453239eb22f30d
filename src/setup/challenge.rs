//! What an environment says to somebody without a token: who gives tokens for it, and what time it is there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, WWW_AUTHENTICATE};

/// A 401 of the Web API (Microsoft documents its `WWW-Authenticate`: `Bearer authorization_uri=…, resource_id=…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `https://login.microsoftonline.com/{tenant}/oauth2/authorize`
    pub authorization: Option<String>,
    pub date: Option<Timestamp>,
}

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks the environment, without signing in.
///
/// # Errors
/// Why it cannot be reached.
pub async fn ask(http: &reqwest::Client, organisation: &str) -> Result<Challenge, String> {
    let url = format!("{}/api/data/v9.2/", organisation.trim_end_matches('/'));
    let answer = http.get(url).timeout(PATIENCE).send().await;
    let answer = answer.map_err(|error| crate::dataverse::Error::from(error).to_string())?;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    Ok(Challenge {
        authorization: header(WWW_AUTHENTICATE).and_then(authorization).map(str::to_owned),
        date: header(DATE).and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp()),
    })
}

fn authorization(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("authorization_uri=")?;
    Some(rest.split([',', ' ']).next().unwrap_or(rest).trim_matches('"'))
}

impl Challenge {
    /// The token endpoint of the directory that the environment trusts.
    pub fn token_url(&self) -> Option<String> {
        let authorization = self.authorization.as_deref()?;
        let (directory, _) = authorization.split_once("/oauth2/")?;
        Some(format!("{directory}/oauth2/v2.0/token"))
    }

    /// Active Directory Federation Services sign people in to Dynamics 365 Customer Engagement (on-premises).
    pub fn is_on_premises(&self) -> bool {
        self.authorization.as_deref().is_some_and(|authorization| authorization.to_lowercase().contains("/adfs/"))
    }

    /// How far this machine's clock is ahead of the environment's.
    pub fn skew(&self, now: Timestamp) -> Option<SignedDuration> {
        self.date.map(|date| now.duration_since(date))
    }
}

/// Whether the host is one of Dynamics 365 online: the public cloud's, and those of the national clouds.
pub fn is_online(organisation: &str) -> bool {
    const CLOUDS: [&str; 4] = [".dynamics.com", ".microsoftdynamics.us", ".appsplatform.us", ".dynamics.cn"];
    let host = reqwest::Url::parse(organisation).ok().and_then(|url| url.host_str().map(str::to_lowercase));
    host.is_some_and(|host| {
        CLOUDS.iter().any(|cloud| host.ends_with(cloud)) || matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_tokens_is_read_from_the_challenge() {
        let of = |header: &str| Challenge { authorization: authorization(header).map(str::to_owned), date: None };
        let online = of(
            "Bearer authorization_uri=https://login.microsoftonline.com/7e4a/oauth2/authorize, resource_id=https://x.crm.dynamics.com/",
        );
        assert_eq!(online.token_url().unwrap(), "https://login.microsoftonline.com/7e4a/oauth2/v2.0/token");
        assert!(!online.is_on_premises());
        let federated = of("Bearer authorization_uri=https://sts.contoso.example/adfs/oauth2/authorize");
        assert!(federated.is_on_premises());
        assert_eq!(of("Negotiate").token_url(), None);
    }

    #[test]
    fn only_dynamics_365_online_is_online() {
        for (url, online) in [
            ("https://contoso.crm4.dynamics.com", true),
            ("https://contoso.crm9.dynamics.com/", true),
            ("https://contoso.crm.microsoftdynamics.us", true),
            ("https://contoso.crm.dynamics.cn", true),
            ("http://127.0.0.1:8080", true),
            ("https://crm.contoso.example", false),
            ("https://dynamics.com.evil.example", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_online(url), online, "{url}");
        }
    }
}
