//! Invitations from marketing lists.

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Ask, Ground, ManageError, Role,
    inevent::{resting, told},
};
use crate::{
    dataverse::query,
    invite::{self, Invitation, InviteError, Inviter, Kept, Pass, Report, Run, Terms},
    settings::document::Target,
};

/// Lists with what came of their members, and the invitations; no addresses.
#[derive(Debug, Serialize, Deserialize)]
pub struct InvitationsList {
    /// Those of this event only.
    pub event: Option<String>,
}

/// One invitation with the person as the CRM has them now.
#[derive(Debug, Serialize, Deserialize)]
pub struct InvitationsShow {
    pub id: String,
}

/// A person decides whether an invitation went out.
#[derive(Debug, Serialize, Deserialize)]
pub struct InvitationsResolve {
    pub id: String,
    pub sent: bool,
}

/// How many of an event's lists would be invited and how many not, and why. Nothing is sent and nothing is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreviewInvitations {
    pub event: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    pub passes: Vec<Pass>,
    /// The newest first.
    pub invitations: Vec<Invited>,
}

/// An invitation with the id that commands take.
#[derive(Debug, Serialize, Deserialize)]
pub struct Invited {
    #[serde(flatten)]
    pub invitation: Invitation,
    pub id: String,
}

impl From<&Kept> for Invited {
    fn from(kept: &Kept) -> Self {
        Self { invitation: kept.invitation.clone(), id: kept.id() }
    }
}

impl From<InviteError> for ManageError {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::Dataverse(error) => error.into(),
            InviteError::InEvent(error) => Self::Unavailable(told(&error)),
            InviteError::Store(error) => error.into(),
        }
    }
}

fn refused(error: anyhow::Error) -> ManageError {
    ManageError::Refused(format!("{error:#}"))
}

#[async_trait]
impl Ask for InvitationsList {
    const NAME: &'static str = "invitations/list";
    const NEEDS: Role = Role::Reader;
    type Answer = Listed;

    async fn answer(self, ground: &Ground) -> Result<Listed, ManageError> {
        let (store, event) = (ground.store()?, self.event.as_deref());
        let mut passes = invite::passes(store, event).await?;
        passes.sort_by(|a, b| (&a.event, a.list).cmp(&(&b.event, b.list)));
        let mut invitations: Vec<Invited> =
            invite::invitations(store, event).await?.iter().map(Invited::from).collect();
        invitations.sort_by(|a, b| b.invitation.at.cmp(&a.invitation.at).then_with(|| a.id.cmp(&b.id)));
        Ok(Listed { passes, invitations })
    }
}

#[async_trait]
impl Ask for InvitationsShow {
    const NAME: &'static str = "invitations/show";
    const NEEDS: Role = Role::Admin;
    /// Without a person where the CRM shows nobody of the id any more.
    type Answer = (Invited, Option<Map<String, Value>>);

    async fn answer(self, ground: &Ground) -> Result<Self::Answer, ManageError> {
        let kept = invite::find(ground.store()?, &self.id).await.map_err(refused)?;
        let (set, key) = match kept.invitation.table {
            Target::Contact => ("contacts", "contactid"),
            Target::Lead => ("leads", "leadid"),
        };
        let columns = ["fullname", "emailaddress1"];
        let path = query::select(set, &columns, &format!("{key} eq {}", kept.invitation.person));
        let rows = ground.dataverse()?.read(vec![path]).await?.concat();
        let person = rows.into_iter().next().map(|row| {
            columns.into_iter().filter_map(|column| Some((column.to_owned(), row.get(column)?.clone()))).collect()
        });
        Ok((Invited::from(&kept), person))
    }
}

#[async_trait]
impl Ask for InvitationsResolve {
    const NAME: &'static str = "invitations/resolve";
    const NEEDS: Role = Role::Admin;
    type Answer = ();

    async fn answer(self, ground: &Ground) -> Result<(), ManageError> {
        let store = ground.store()?;
        let kept = invite::find(store, &self.id).await.map_err(refused)?;
        invite::resolve(store, kept, self.sent, Timestamp::now()).await.map_err(refused)
    }
}

#[async_trait]
impl Ask for PreviewInvitations {
    const NAME: &'static str = "invitations/preview";
    const NEEDS: Role = Role::Reader;
    type Answer = Report;

    async fn answer(self, ground: &Ground) -> Result<Report, ManageError> {
        invite(ground, &self.event, true).await
    }
}

/// Invites the members of an event's lists, or only says who would be.
///
/// # Errors
/// When the settings name no lists of the event, or Dataverse or InEvent does not answer. What was done is remembered.
pub async fn invite(ground: &Ground, event: &str, dry: bool) -> Result<Report, ManageError> {
    let ends = Instant::now() + ground.patience();
    let document = ground.document().await?;
    if !document.events.contains_key(event) {
        return Err(ManageError::Refused(format!("the settings name no event {event}")));
    }
    let settings = document.effective(event);
    if settings.invitations.lists.is_empty() {
        let why = format!("the settings of event {event} name no list in invitations.lists");
        return Err(ManageError::Refused(why));
    }
    let (client, store) = (ground.inevent()?, ground.storage()?.store.clone());
    let inviter = Inviter::new(ground.dataverse()?, &client, store, Terms::default());
    Ok(resting(&client, inviter.run(event, &settings, Run { ends, dry })).await?)
}
