//! What can go wrong with a call.

use std::{fmt, time::Duration};

use serde::Deserialize;

use super::TokenError;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Dataverse answered, and said no.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// No token could be had.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Dataverse throttled an earlier call and asked to be left alone for this long; no call was made.
    #[error("Dataverse asked to be left alone for {} s more", .0.as_secs())]
    Paused(Duration),
    /// The call did not come through; whether it took effect is unknown.
    #[error("Dataverse could not be reached: {0}")]
    Network(String),
    /// No answer came in time; whether the call took effect is unknown.
    #[error("Dataverse did not answer in time")]
    TimedOut,
    /// Dataverse answered in a way that its documentation does not describe.
    #[error("Dataverse gave an answer that could not be read: {0}")]
    Protocol(&'static str),
}

impl From<reqwest::Error> for Error {
    /// Without the URL, which may carry what was searched for.
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            return Self::TimedOut;
        }
        Self::Network(super::token::causes(&error.without_url()))
    }
}

/// An error answer: `{"error":{"code":"0x80040217","message":"…"}}`
/// (Microsoft: "Compose HTTP requests and handle errors").
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceError {
    pub status: u16,
    /// The Dataverse error code, where the answer carried one.
    pub code: Option<u32>,
    /// Dataverse's own words. They may quote values of the row: keep them with the row, don't log them.
    pub message: String,
    pub retry_after: Option<Duration>,
}

impl ServiceError {
    /// Reads an error answer; bodies that are not JSON (a 401's, a proxy's) give an empty message.
    pub(super) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let inner = serde_json::from_slice::<Body>(body).map(|body| body.error).ok();
        let code = inner
            .as_ref()
            .and_then(|inner| inner.code.strip_prefix("0x"))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        Self { status, code, message: inner.map(|inner| inner.message).unwrap_or_default(), retry_after }
    }
}

/// Status and code only: the message may be personal.
impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "Dataverse answered {} (0x{code:08x})", self.status),
            None => write!(f, "Dataverse answered {}", self.status),
        }
    }
}

impl fmt::Debug for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServiceError {}
