//! One invitation: remembered, sent, and looked into where nobody said what came of it.

use jiff::Timestamp;
use uuid::Uuid;

use super::{How, Invitation, InviteError, Kept, Link, Member, State, asked::by_address, people, record, slice::Slice};
use crate::{
    inevent::{Answer, Error, invitations},
    model::Address,
    settings::document::{Sending, Target},
};

/// What people whom the connector registers are marked with in InEvent.
const ORIGIN: &str = "dynamics-365";

/// Of so many abandoned invitations InEvent is asked one by one first.
const ONE_BY_ONE: usize = 20;

/// Somebody to invite.
pub(super) struct Candidate<'m> {
    pub member: &'m Member,
    pub address: Address,
    pub hash: String,
    pub list: Uuid,
}

/// What came of it.
pub(super) enum Sent {
    /// InEvent took it, and may have given the link.
    Invited(Kept, Option<String>),
    /// InEvent had it already.
    Found(Kept),
    Refused(Kept),
    /// It is another process's.
    Taken,
    /// Nobody knows; it stays remembered as intended.
    Unsure,
    /// There is no time or room for it, or InEvent takes nothing now.
    NotBegun,
}

impl Slice<'_> {
    /// Sends one invitation. Only who remembered it first gets to send it.
    pub async fn send<'m>(&self, candidate: Candidate<'m>) -> Result<(&'m Member, Sent), InviteError> {
        let Candidate { member, address, hash, list } = candidate;
        if !self.may_begin() {
            return Ok((member, Sent::NotBegun));
        }
        let store = &*self.inviter.store;
        let Some(mut kept) = record::insert(store, &hash, self.intent(member, list, State::Intended)).await? else {
            return Ok((member, Sent::Taken));
        };
        let called = tokio::time::timeout(self.inviter.terms.longest_call, self.call(member, &address)).await;
        let sent = match called {
            Ok(Ok(answer)) => {
                let told = answer.data.into_iter().find_map(invitations::Invitation::read);
                let (participant, link) = told.map(|told| (told.person, told.link)).unwrap_or_default();
                let column = self.link_column(member.table).filter(|_| self.how() == How::Invite);
                let wanted = if column.is_some() { Link::Wanted } else { Link::None };
                let invitation =
                    Invitation { state: State::Invited, participant, link: wanted, ..self.now(&kept.invitation) };
                kept.settle(store, invitation).await?;
                Sent::Invited(kept, link)
            }
            Ok(Err(Error::Refused { status, .. })) => {
                let known = match self.how() {
                    How::Invite => by_address(&self.inviter.inevent, self.event, &address).await.ok().flatten(),
                    How::Register => None,
                };
                match known {
                    Some(known) => {
                        let found =
                            Invitation { state: State::Found, participant: known.person, ..self.now(&kept.invitation) };
                        kept.replace(store, found).await?;
                        Sent::Found(kept)
                    }
                    None => {
                        tracing::warn!(event = self.event, person = %member.id, status, "InEvent refuses an invitation");
                        let refused =
                            Invitation { state: State::Refused, status: Some(status), ..self.now(&kept.invitation) };
                        kept.replace(store, refused).await?;
                        Sent::Refused(kept)
                    }
                }
            }
            Ok(Err(error @ (Error::Unavailable(_) | Error::Unreadable(_)))) => {
                tracing::warn!(event = self.event, person = %member.id, %error, "nobody knows what came of an invitation; it is looked into");
                self.is_unsure();
                Sent::Unsure
            }
            Err(_) => {
                self.is_unsure();
                Sent::Unsure
            }
            // None of these calls took effect.
            Ok(Err(error)) => {
                kept.remove(store).await?;
                self.stop(error.remedy().unwrap_or_else(|| format!("{error}; the next run goes on")));
                Sent::NotBegun
            }
        };
        Ok((member, sent))
    }

    async fn call(&self, member: &Member, address: &Address) -> Result<Answer, Error> {
        let (inevent, invitations) = (&self.inviter.inevent, &self.settings.invitations);
        // As it is written in the CRM, but for spaces around it.
        let email = member.address.as_deref().unwrap_or(address.as_str()).trim();
        let named = [("name", member.name.as_deref()), ("company", member.company.as_deref())];
        let named = named.into_iter().filter_map(|(attribute, value)| Some((attribute, value?)));
        match self.how() {
            How::Register => {
                let more: Vec<(&str, &str)> = named.chain([("origin", ORIGIN)]).collect();
                inevent.register(self.event, email, &more).await
            }
            How::Invite => {
                let quiet = invitations.quiet_attribute.as_deref().filter(|_| invitations.send == Sending::Link);
                let named = named.filter(|_| invitations.names);
                let more: Vec<(&str, &str)> = named.chain(quiet.map(|attribute| (attribute, "0"))).collect();
                inevent.invite(self.event, email, &more).await
            }
        }
    }

    fn now(&self, invitation: &Invitation) -> Invitation {
        Invitation { at: Timestamp::now(), ..invitation.clone() }
    }

    /// The link of somebody who is invited, as far as InEvent gives it.
    pub async fn link_of(&self, kept: &Kept) -> Result<Option<String>, InviteError> {
        let Some(participant) = &kept.invitation.participant else { return Ok(None) };
        match self.inviter.inevent.invitation(self.event, participant).await {
            Ok(found) => Ok(found.item.and_then(|item| item.link)),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks into invitations of which nobody said for long what came of them. One that InEvent does not have is forgotten, so that it
    /// is sent anew by whoever remembers it first then.
    pub async fn look_into_abandoned(&mut self) -> Result<(), InviteError> {
        let (now, abandoned) = (Timestamp::now(), self.inviter.terms.abandoned);
        let is_open = |kept: &&Kept| {
            kept.invitation.state == State::Intended && now.duration_since(kept.invitation.at) > abandoned
        };
        let open: Vec<Kept> = self.remembered.iter().filter(is_open).cloned().collect();
        if !open.is_empty() && !self.is_dry() {
            let left = self.look_one_by_one(open).await?;
            if !left.is_empty() {
                self.look_into_lists(left).await?;
            }
        }
        let undecided = self.remembered.iter().filter(|kept| kept.invitation.state == State::Undecided);
        self.undecided = undecided.count() as u64;
        Ok(())
    }

    /// Asks for a few by address, where the CRM still has it. Returns those of whom InEvent gave no invitation.
    async fn look_one_by_one(&mut self, open: Vec<Kept>) -> Result<Vec<Kept>, InviteError> {
        if open.len() > ONE_BY_ONE || open.iter().any(|kept| kept.invitation.how == How::Register) {
            return Ok(open);
        }
        let mut left = Vec::new();
        let mut people = std::collections::HashMap::new();
        for table in [Target::Contact, Target::Lead] {
            let of = |kept: &&Kept| kept.invitation.table == table;
            let ids: Vec<Uuid> = open.iter().filter(of).map(|kept| kept.invitation.person).collect();
            if !ids.is_empty() {
                people.extend(people::read(&self.inviter.dataverse, table, &ids, None).await?);
            }
        }
        for kept in open {
            let address = people.get(&kept.invitation.person).and_then(|member| member.address.as_deref());
            let address = address.and_then(|address| Address::parse(address).ok());
            let address = address.filter(|address| self.key.hash(address).is_ok_and(|hash| hash == kept.hash));
            let found = match &address {
                Some(address) => by_address(&self.inviter.inevent, self.event, address).await?,
                None => None,
            };
            match found {
                Some(found) => self.went_out(kept, found.person).await?,
                None => left.push(kept),
            }
        }
        Ok(left)
    }

    async fn look_into_lists(&mut self, open: Vec<Kept>) -> Result<(), InviteError> {
        self.asked().await?;
        for mut kept in open {
            let asked = self.asked().await?;
            let (told, participant) = match kept.invitation.how {
                How::Invite => (asked.was_invited(&kept.hash), asked.participant(&kept.hash)),
                How::Register => (asked.was_registered(&kept.hash), None),
            };
            match told {
                Some(true) => self.went_out(kept, participant).await?,
                Some(false) => {
                    if kept.remove(&*self.inviter.store).await? {
                        self.remembered.take(&kept.hash);
                    }
                }
                None => {
                    let undecided = Invitation { state: State::Undecided, ..self.now(&kept.invitation) };
                    tracing::warn!(
                        event = self.event,
                        id = kept.id(),
                        "InEvent does not tell whether an invitation went out: decide with `invitations resolve`"
                    );
                    kept.replace(&*self.inviter.store, undecided).await?;
                    self.remembered.put(kept);
                }
            }
        }
        Ok(())
    }

    async fn went_out(&mut self, mut kept: Kept, participant: Option<String>) -> Result<(), InviteError> {
        let column = self.link_column(kept.invitation.table).filter(|_| kept.invitation.how == How::Invite);
        let link = if column.is_some() { Link::Wanted } else { Link::None };
        let invited = Invitation { state: State::Invited, participant, link, ..self.now(&kept.invitation) };
        kept.replace(&*self.inviter.store, invited).await?;
        self.remembered.put(kept);
        Ok(())
    }
}
