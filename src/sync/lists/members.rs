//! The members of marketing lists, as the rules see them. Dynamics stands behind it, or a test's memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{dataverse::Failure, sync::rows::PersonTable};

/// Reads and changes members.
#[async_trait]
pub trait ListMembers: Send + Sync {
    /// Which of these are on the list.
    async fn among(&self, list: Uuid, people: &[Uuid]) -> Result<BTreeSet<Uuid>, ListError>;

    /// Puts people on the list, all of one table. Who is on it already stays. All or none.
    async fn add(&self, list: Uuid, table: PersonTable, people: &[Uuid]) -> Result<(), ListError>;

    /// Takes people off the list; who is not on it is success.
    async fn remove(&self, list: Uuid, people: &[Uuid]) -> Result<(), ListError>;
}

/// Why a list was not changed, or not surely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListError {
    /// The list takes nobody until somebody mends it.
    List(ListProblem),
    /// One of the people is not there any more.
    NoSuchPerson,
    Failed(Failure),
}

impl ListError {
    /// Whether a call that failed like this is over. One that was not answered may still take effect.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Failed(Failure::Transient { retry_after: None }))
    }
}

/// What is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListProblem {
    Missing,
    Locked,
    Inactive,
    Dynamic,
    WrongType,
    Denied,
}

impl ListProblem {
    /// What is wrong and what an administrator does about it.
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => {
                ("there is no such list", "Correct the id in list_rules. Marketing lists need Dynamics 365 Sales.")
            }
            Self::Locked => ("the list is locked", "Unlock the list in Dynamics, or name another one."),
            Self::Inactive => ("the list is inactive", "Activate the list in Dynamics, or name another one."),
            Self::Dynamic => ("the list is dynamic", "A dynamic list has no members of its own: name a static one."),
            Self::WrongType => (
                "the list holds another kind of member",
                "Name a list of contacts as contact_list, and a list of leads as lead_list.",
            ),
            Self::Denied => (
                "the application user may not change the list",
                "Give its role Read, Write and Append To on Marketing List, and Append on Contact and Lead.",
            ),
        }
    }
}
