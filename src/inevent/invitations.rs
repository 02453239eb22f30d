//! Invitations (module `event.invite`): inviting somebody does not register them. Whether `event.invite.create` sends a mail, and what
//! a second one does, is not published.

use std::fmt;

use super::{
    Client, Error, Listing, Pages, Row,
    client::Answer,
    people::{Found, ID},
};
use crate::model::SourceTime;

/// Somebody who is invited.
#[derive(Clone)]
pub struct Invitation {
    pub person: Option<String>,
    pub email: Option<String>,
    /// `None`: they did not answer yet.
    pub rsvp: Option<bool>,
    pub time: Option<SourceTime>,
    /// Where they register. Under which name InEvent gives it is not published: these are guesses.
    pub link: Option<String>,
    pub raw: Row,
}

impl Invitation {
    pub fn read(raw: Row) -> Option<Self> {
        let (person, email) = (raw.id(ID), raw.text(&["email", "username"]));
        if person.is_none() && email.is_none() {
            return None;
        }
        let (rsvp, time) = (raw.flag(&["rsvp"]), raw.time(&["date", "dateCreated", "invitationDate"]));
        let link = raw.text(&["link", "inviteLink", "registrationLink", "url"]);
        Some(Self { person, email, rsvp, time, link, raw })
    }
}

/// Personal: only the id is printed.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("person", &self.person).finish_non_exhaustive()
    }
}

impl Client {
    /// Invites somebody. `more` are further attributes of the body, such as names. It is never made twice by itself.
    pub async fn invite(&self, event: &str, email: &str, more: &[(&str, &str)]) -> Result<Answer, Error> {
        let body: Vec<(&str, &str)> = [("email", email)].into_iter().chain(more.iter().copied()).collect();
        self.write("event.invite.create", &[("eventID", event)], &body).await
    }

    pub async fn invitation(&self, event: &str, person: &str) -> Result<Found<Invitation>, Error> {
        let answer = self.read("event.invite.get", &[("eventID", event), ("personID", person)], &[]).await;
        Found::first(answer, Invitation::read)
    }

    /// An invitation by address. It goes in the body: that InEvent takes it there is assumed.
    pub async fn invitation_of(&self, event: &str, email: &str) -> Result<Found<Invitation>, Error> {
        Found::first(self.read("event.invite.get", &[("eventID", event)], &[("email", email)]).await, Invitation::read)
    }

    pub async fn invitations(&self, event: &str) -> Result<Listing<Invitation>, Error> {
        let query = [("eventID", event), ("selection", "all")];
        Ok(Pages::of(self, "event.invite.find", &query, ID).all().await?.filter_map(Invitation::read))
    }

    pub async fn take_back_invitation(&self, event: &str, person: &str) -> Result<(), Error> {
        self.write("event.invite.remove", &[("eventID", event), ("personID", person)], &[]).await.map(drop)
    }
}
