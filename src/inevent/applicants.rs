//! Who waits for approval, or was rejected (module `event.applicant`).

use super::{
    Client, Error, Listing, Pages,
    people::{Found, ID, Person},
};

/// What became of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    Pending,
    Approved,
    Rejected,
}

/// Somebody who applied.
#[derive(Debug, Clone)]
pub struct Applicant {
    pub person: Person,
    /// `None` where InEvent does not say it in a way that is known.
    pub application: Option<Application>,
    /// On the waiting list, not only without approval (changelog, 2022-10-21).
    pub waitlist: bool,
}

impl Applicant {
    /// The status words are those of the FAQ ("Pending Approval", "Approved", "Rejected by organizer"); how the answer codes them is
    /// not known.
    fn read(person: Person) -> Self {
        let raw = &person.raw;
        let word = raw.text(&["status", "approval", "applicationStatus"]).unwrap_or_default().to_ascii_lowercase();
        let application = match word.as_str() {
            word if word.starts_with("reject") || word.starts_with("denied") => Some(Application::Rejected),
            word if word.starts_with("approved") => Some(Application::Approved),
            word if word.starts_with("pending") || word.starts_with("waiting") => Some(Application::Pending),
            _ if raw.flag(&["rejected", "denied"]) == Some(true) => Some(Application::Rejected),
            _ if raw.flag(&["approved"]) == Some(true) => Some(Application::Approved),
            _ if raw.flag(&["approved"]) == Some(false) => Some(Application::Pending),
            _ => None,
        };
        let waitlist = raw.flag(&["waitlist"]).unwrap_or_default();
        Self { person, application, waitlist }
    }
}

impl Client {
    pub async fn applicants(&self, event: &str) -> Result<Listing<Applicant>, Error> {
        let query = [("eventID", event), ("paginated", "1")];
        let listing = Pages::of(self, "event.applicant.find", &query, ID).all().await?;
        Ok(listing.filter_map(|row| Person::read(row).map(Applicant::read)))
    }

    pub async fn applicant(&self, event: &str, person: &str) -> Result<Found<Applicant>, Error> {
        let answer = self.read("event.applicant.get", &[("eventID", event), ("personID", person)], &[]).await;
        Found::first(answer, |row| Person::read(row).map(Applicant::read))
    }
}
