//! What an administrator can ask of a connector, however it is reached: by a command over the storage account, or by the app's own
//! `/api/manage` for somebody who signed in.
//!
//! Each thing that can be asked is a type: it says by which name and by whom, and answers over a [`Ground`]. What it takes and
//! answers is JSON, so that a command prints the same whichever way it went.

mod backfill;
mod check;
mod forget;
mod ground;
mod inevent;
mod invitations;
mod log;
mod parked;
mod settings;

use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    backfill::{
        Action, Backfills, Planned, PreviewBackfill, Previewed, ReadBackfill, StartBackfill, Stated, WouldBeParked,
    },
    check::{Check, TestArrival},
    forget::{Forget, Forgot},
    ground::Ground,
    inevent::{
        Became, InEventEvents, Learn, Learnt, Lesson, ListWebhooks, ListedEvent, ListedEvents, RegisterWebhooks,
        Registered, RemoveWebhooks, ShownWebhook,
    },
    invitations::{InvitationsList, InvitationsResolve, InvitationsShow, Invited, Listed, PreviewInvitations, invite},
    log::SearchLog,
    parked::{
        Choice, Chosen, DropParked, Dropped, ListParked, Put, ReplayParked, ShowParked, Shown, Unreadable,
        without_addresses,
    },
    settings::{GetSettings, Placed, PutSettings, ReplacedSettings, SettingsHistory, ShowSettings, ValidateSettings},
};
use crate::{
    dataverse::{Error, Failure},
    queue::QueueError,
    settings::kept::PlaceError,
    store::StoreError,
};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `Connector.Reader`: look at what holds no personal data.
    Reader,
    /// `Connector.Admin`: everything.
    Admin,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Reader, Self::Admin];

    /// As `infra/app-registration.bicep` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "Connector.Reader",
            Self::Admin => "Connector.Admin",
        }
    }
}

/// Something that can be asked.
#[async_trait]
pub trait Ask: Serialize + DeserializeOwned + Send + Sync {
    /// What follows `/api/manage/`.
    const NAME: &'static str;
    /// Who may ask it.
    const NEEDS: Role;
    type Answer: Serialize + DeserializeOwned + Send;

    async fn answer(self, ground: &Ground) -> Result<Self::Answer, ManageError>;
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "error", rename_all = "snake_case")]
pub enum ManageError {
    /// It cannot be done as it was asked, or as things are.
    #[error("{0}")]
    Refused(String),
    /// Storage, Dataverse or InEvent does not answer, or lets nobody in.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<QueueError> for ManageError {
    fn from(error: QueueError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<PlaceError> for ManageError {
    fn from(error: PlaceError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Error> for ManageError {
    fn from(error: Error) -> Self {
        Self::Unavailable(match error.failure() {
            Failure::Held(hold) => format!("{error}. {}", hold.remedy()),
            _ => error.to_string(),
        })
    }
}

/// Everything that can be asked, by its name.
macro_rules! asks {
    ($($ask:ty),+ $(,)?) => {
        /// Who may ask what has this name; `None` where nothing has.
        pub fn needs(name: &str) -> Option<Role> {
            $(if name == <$ask as Ask>::NAME {
                return Some(<$ask as Ask>::NEEDS);
            })+
            None
        }

        /// Answers what has this name; `asked` is its JSON.
        ///
        /// # Errors
        /// When it was not done.
        pub async fn answer(ground: &Ground, name: &str, asked: &[u8]) -> Result<Value, ManageError> {
            $(if name == <$ask as Ask>::NAME {
                return answered::<$ask>(ground, asked).await;
            })+
            Err(ManageError::Refused(format!("there is no {name}")))
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$(<$ask as Ask>::NAME),+];
    };
}

asks! {
    Backfills, PreviewBackfill, ReadBackfill, StartBackfill,
    Check, TestArrival,
    Forget,
    InEventEvents, Learn, ListWebhooks, RegisterWebhooks, RemoveWebhooks,
    InvitationsList, InvitationsResolve, InvitationsShow, PreviewInvitations,
    SearchLog,
    DropParked, ListParked, ReplayParked, ShowParked,
    GetSettings, PutSettings, ReplacedSettings, SettingsHistory, ShowSettings, ValidateSettings,
}

async fn answered<A: Ask>(ground: &Ground, asked: &[u8]) -> Result<Value, ManageError> {
    let asked: A = serde_json::from_slice(asked)
        .map_err(|error| ManageError::Refused(format!("{} cannot be read: {error}", A::NAME)))?;
    let answer = asked.answer(ground).await?;
    serde_json::to_value(answer).map_err(|error| ManageError::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_changes_nothing_and_sees_no_personal_data() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
        let readers: Vec<&str> = names.into_iter().filter(|name| needs(name) == Some(Role::Reader)).collect();
        assert_eq!(
            readers,
            [
                "backfill/list",
                "check",
                "check/arrival",
                "inevent/events",
                "inevent/webhooks/list",
                "invitations/list",
                "invitations/preview",
                "log",
                "parked/list",
                "settings/get",
                "settings/history",
                "settings/replaced",
                "settings/show",
                "settings/validate"
            ]
        );
        assert_eq!((needs("parked/show"), needs("settings"), needs("")), (Some(Role::Admin), None, None));
    }
}
