//! The connection test: everything that the connector needs, each with OK or what to do about it.

mod dataverse;
mod inevent;
mod privileges;
mod sending;
mod settings;
mod storage;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use dataverse::{address, credentials, environment, tables};
pub use inevent::inevent;
pub use privileges::ApplicationUser;
pub use sending::{Sending, arrival, send};
pub use settings::problems;
pub use storage::storage;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub name: Cow<'static, str>,
    pub state: State,
    /// What was found, or what is wrong and what to do about it.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    Wrong,
    NotChecked,
}

impl Line {
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, detail: detail.into() }
    }

    pub fn wrong(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Wrong, detail: detail.into() }
    }

    pub fn not_checked(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::NotChecked, detail: detail.into() }
    }
}
