//! Forgetting a person.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    forget::{self, Erased},
    invite,
    model::Address,
    sync::plan::EventParticipant,
    synclog,
};

/// Erases a person from what the connector keeps, or takes that back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forget {
    pub email: String,
    pub undo: bool,
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forgot {
    /// Parked events of the person.
    pub entries: usize,
    /// Reasons of other people's parked events that named the person.
    pub reasons: usize,
    /// Parked events that were changed meanwhile and may still name the person.
    pub missed: usize,
    pub invitations: usize,
    /// Entries of the sync log that named the person's ids.
    pub logged: usize,
    /// Participants of events who are known by their ids from now on.
    pub participants: usize,
    /// Why Dynamics could not be asked for these.
    pub not_asked: Option<String>,
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
        let (forgotten, _) = forget::load(store).await?;
        let invited = invite::of_forgotten(store, &forgotten).await?;
        let mut participants = forget::parked_participants(store, &address, now).await?;
        participants.extend(invited.iter().filter_map(|kept| {
            let participant = kept.invitation.participant.clone()?;
            Some(EventParticipant { event: kept.invitation.event.clone(), participant })
        }));
        let in_crm = in_crm(ground, &address).await;
        let not_asked = in_crm.as_ref().err().map(ToString::to_string);
        participants.extend(in_crm.unwrap_or_default());
        // Before what tells of them is erased.
        let known: Vec<(Address, EventParticipant)> =
            participants.iter().map(|of| (address.clone(), of.clone())).collect();
        forget::remember_participants(store, &known, now).await?;
        let Erased { entries, reasons, missed } = forget::erase(store, now).await?;
        invite::erase(store, &invited).await?;
        let logged = synclog::erase(store, &participants).await?;
        let (invitations, participants) = (invited.len(), participants.len());
        Ok(Forgot { entries, reasons, missed, invitations, logged, participants, not_asked, taken_back: false })
    }
}

/// The participants whom Dynamics knows under the address.
async fn in_crm(ground: &Ground, address: &Address) -> Result<BTreeSet<EventParticipant>, ManageError> {
    let dataverse = ground.dataverse()?;
    let rules = ground.engine(dataverse.clone())?.rules().await;
    let not_in_order = "the settings are not in order; `settings validate --live` says why";
    let tables = rules.map_err(|_| ManageError::Unavailable(not_in_order.to_owned()))?.activity_tables();
    Ok(forget::participants_in_crm(&dataverse, tables, address).await?)
}
