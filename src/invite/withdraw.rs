//! Those who left the lists are uninvited, where the settings say so.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::{How, Invitation, InviteError, Kept, List, ListReport, ListTrouble, State, slice::Slice};
use crate::{inevent::Error, settings::document::Target};

impl Slice<'_> {
    /// Takes back invitations of people who are on none of the lists any more. Returns how many.
    ///
    /// Only what the connector sent, from a list that the settings still name, and nothing where a list has nobody left or cannot tell
    /// for sure who is on it: that is more often a mistake than a wish.
    pub async fn withdraw(&mut self, lists: &[List], reports: &[ListReport]) -> Result<u64, InviteError> {
        if reports.iter().any(|report| report.counts.members == 0) {
            tracing::warn!(event = self.event, "a list has no members: nobody is uninvited");
            return Ok(0);
        }
        let named: HashSet<Uuid> = lists.iter().map(|list| list.id).collect();
        let ours = |kept: &&Kept| {
            let Invitation { state, how, list, .. } = &kept.invitation;
            matches!(state, State::Invited | State::Confirmed) && *how == How::Invite && named.contains(list)
        };
        let invited: Vec<Kept> = self.remembered.iter().filter(ours).cloned().collect();
        let mut gone = Vec::new();
        for table in [Target::Contact, Target::Lead] {
            let of_table: Vec<&Kept> = invited.iter().filter(|kept| kept.invitation.table == table).collect();
            match self.members_among(lists, table, &of_table).await? {
                Some(there) => {
                    gone.extend(of_table.into_iter().filter(|kept| !there.contains(&kept.invitation.person)).cloned());
                }
                None => {
                    tracing::warn!(
                        event = self.event,
                        "a list does not tell for sure who is on it: nobody is uninvited"
                    );
                    return Ok(0);
                }
            }
        }
        let mut withdrawn = 0;
        gone.truncate(self.settings.invitations.max_per_run as usize);
        for kept in gone {
            withdrawn += u64::from(self.take_back(kept).await?);
            if self.stopped().is_some() {
                break;
            }
        }
        if withdrawn > 0 {
            tracing::info!(target: "outcome", event = self.event, withdrawn, "invitations taken back");
        }
        Ok(withdrawn)
    }

    async fn members_among(
        &self,
        lists: &[List],
        table: Target,
        invited: &[&Kept],
    ) -> Result<Option<HashSet<Uuid>>, InviteError> {
        let people: Vec<Uuid> = invited.iter().map(|kept| kept.invitation.person).collect();
        let mut there = HashSet::new();
        if people.is_empty() {
            return Ok(Some(there));
        }
        for list in lists.iter().filter(|list| list.table == table) {
            match list.among(&self.inviter.dataverse, &people).await {
                Ok(Some(found)) => there.extend(found),
                Ok(None) => return Ok(None),
                Err(error) => match Result::<ListTrouble, InviteError>::from(error) {
                    Ok(_) => return Ok(None),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(Some(there))
    }

    async fn take_back(&mut self, mut kept: Kept) -> Result<bool, InviteError> {
        let asked = self.asked().await?;
        // Whoever registered meanwhile comes.
        if asked.is_registered(&kept.hash) {
            return Ok(false);
        }
        let Some(participant) = kept.invitation.participant.clone().or_else(|| asked.participant(&kept.hash)) else {
            tracing::warn!(event = self.event, id = kept.id(), "InEvent gave no id of somebody to uninvite");
            return Ok(false);
        };
        match self.inviter.inevent.take_back_invitation(self.event, &participant).await {
            // Gone already is as good.
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(Error::Refused { status, .. }) => {
                tracing::warn!(event = self.event, id = kept.id(), status, "InEvent does not take an invitation back");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        let withdrawn = Invitation { state: State::Withdrawn, at: Timestamp::now(), ..kept.invitation.clone() };
        kept.replace(&*self.inviter.store, withdrawn).await?;
        self.remembered.put(kept);
        Ok(true)
    }
}
