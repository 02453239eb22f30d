//! What can go wrong with a call.

use std::{fmt, time::Duration};

use crate::{model::SourceTime, settings::Withheld};

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// InEvent answered, and said no.
    #[error("InEvent answered {status} to {action}")]
    Refused { action: &'static str, status: u16, message: Message },
    /// There is no such thing, or not for this token.
    #[error("InEvent found nothing for {action}")]
    NotFound {
        action: &'static str,
        /// When InEvent said so, by its own clock.
        date: Option<SourceTime>,
    },
    /// The token is refused, and so is the one that was read anew. Where a call names a person or an event, InEvent may mean those
    /// (its ancestor of 2013 did): [`super::Client::is_known`] tells.
    #[error("InEvent refuses the token for {action}")]
    Unauthorized {
        action: &'static str,
        /// When InEvent said so, by its own clock.
        date: Option<SourceTime>,
    },
    /// InEvent does not carry the call out for this token: a right that it lacks, or the block after too many calls, of which InEvent
    /// does not publish the status. The call took no effect.
    #[error("InEvent forbids {action}")]
    Forbidden { action: &'static str },
    /// The token or password could not be read, or InEvent gives no token for the password.
    #[error("there is no token for InEvent: {0}")]
    NoToken(String),
    /// More calls than InEvent allows, although the connector keeps count: somebody else uses the token, too.
    #[error("InEvent asks for fewer calls")]
    RateLimited { retry_after: Option<Duration> },
    /// It may pass; whether the call took effect is unknown.
    #[error("InEvent could not be reached: {0}")]
    Unavailable(String),
    /// Nobody knows what it means; whether the call took effect is unknown.
    #[error("InEvent gave an answer to {0} that could not be read")]
    Unreadable(&'static str),
    /// Other calls, or other processes, had the token for longer than the caller wanted to wait. No call was made.
    #[error("the token for InEvent is busy")]
    Busy,
    /// A call about the company, and no company is set.
    #[error("set INEVENT_COMPANY_ID to the id of your company in InEvent")]
    NoCompany,
}

impl Error {
    /// Whether the same call may come through later, without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable(_) | Self::Unreadable(_) | Self::Busy)
    }

    /// The same, with InEvent's own words, where it has any, as `quote` gives them.
    #[must_use]
    pub fn quoted(self, quote: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Refused { action, status, message } => {
                Self::Refused { action, status, message: Message(quote(&message.0)) }
            }
            other => other,
        }
    }

    /// What an administrator must mend before any call comes through.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Unauthorized { .. } => Some(
                "Renew INEVENT_TOKEN (or the secret that INEVENT_TOKEN_SECRET_NAME names): InEvent refuses it. It must be a token of \
                 System scope, of an administrator of the company."
                    .to_owned(),
            ),
            Self::Forbidden { action } => Some(format!(
                "Give the connector a token of System scope, of an administrator of the company: InEvent forbids {action}. If it did not \
                 before, the token may be blocked for too many calls: see what else uses it, and wait."
            )),
            Self::NoToken(why) => Some(format!("Give the connector a token for InEvent: {why}.")),
            Self::NoCompany => Some("Set INEVENT_COMPANY_ID to the id of your company in InEvent.".to_owned()),
            _ => None,
        }
    }
}

impl From<Withheld> for Error {
    /// Of the token, or of the password that one is had for.
    fn from(withheld: Withheld) -> Self {
        match withheld.remedy {
            Some(_) => Self::NoToken(withheld.to_string().trim_end_matches('.').to_owned()),
            None => Self::Unavailable(withheld.why),
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Self::Unavailable(text)
    }
}

/// InEvent's own words. They may quote values: keep them with what was refused, don't log them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message(pub String);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(…)")
    }
}
