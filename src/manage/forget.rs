//! Forgetting a person.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    forget::{self, Erased},
    invite,
    model::Address,
};

/// Erases a person from what the connector keeps, or takes that back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forget {
    pub email: String,
    pub undo: bool,
}

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgot {
    /// Parked events of the person.
    pub entries: usize,
    /// Reasons of other people's parked events that named the person.
    pub reasons: usize,
    /// Parked events that were changed meanwhile and may still name the person.
    pub missed: usize,
    pub invitations: usize,
    /// With `undo`: whether the person was forgotten.
    pub taken_back: bool,
}

#[async_trait]
impl Ask for Forget {
    const NAME: &'static str = "forget";
    const NEEDS: Role = Role::Admin;
    type Answer = Forgot;

    async fn answer(self, ground: &Ground) -> Result<Forgot, ManageError> {
        let address = Address::parse(&self.email).map_err(|why| ManageError::Refused(format!("--email {why}")))?;
        let (store, now) = (ground.store()?, Timestamp::now());
        if self.undo {
            let taken_back = forget::take_back(store, &address).await?;
            return Ok(Forgot { taken_back, ..Forgot::default() });
        }
        forget::remember(store, &address, now).await?;
        let Erased { entries, reasons, missed } = forget::erase(store, now).await?;
        let (forgotten, _) = forget::load(store).await?;
        let invitations = invite::erase(store, &forgotten).await?;
        Ok(Forgot { entries, reasons, missed, invitations, taken_back: false })
    }
}
