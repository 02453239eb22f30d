//! Who is on the event's list, who waits or was rejected, and who is missing.

use std::{collections::HashMap, time::Instant};

use super::{Broken, Going, optional, told};
use crate::{
    inevent::{
        Row,
        applicants::Application,
        people::{Person, Selection},
        questions::Submission,
        translate,
    },
    model::{SourceTime, event::Registration},
    reconcile::difference::{Missing, missing},
};

impl Going<'_> {
    /// The people of the event. Says whether their list came to its end in time, and whether it was whole.
    pub(super) async fn people(&mut self, event: &str, offset: usize) -> Result<(bool, bool), Broken> {
        let look = self.pass.look;
        let selection = Selection { since: look.since, ..Selection::ALL };
        let mut pages = self.pass.inevent.people_pages(event, &selection).from(offset);
        loop {
            let at = pages.offset();
            let Some(rows) = pages.next().await? else { break };
            let people: Vec<Person> = rows.into_iter().filter_map(Person::read).collect();
            self.answers(event, &people).await?;
            for person in people {
                // Some lists have those, too, who were not let in.
                if person.approved != Some(false) {
                    self.listed.insert(person.id.clone());
                }
                self.passed.people += 1;
                // InEvent may not heed what was asked for.
                if look.since.is_some_and(|since| person.updated.is_some_and(|updated| updated < since)) {
                    self.profiles.insert(person.id.clone(), translate::participant(&person));
                    continue;
                }
                let answers = self.answers.as_mut().and_then(|apart| apart.remove(&person.id));
                let person = match answers {
                    Some(answers) => person.answering(answers),
                    None => person,
                };
                self.person(&person).await?;
            }
            if Instant::now() >= self.pass.until {
                self.passed.offset = Some(at.max(pages.offset()));
                return Ok((false, false));
            }
        }
        let whole = offset == 0 && pages.is_complete();
        if look.since.is_none() && !whole {
            let why = if offset == 0 { "did not seem whole" } else { "took more than one run to read" };
            self.alarm(format!("InEvent's list of people {why}, so nobody was taken off it in Dynamics."));
        }
        Ok((true, whole))
    }

    /// Reads the answers where the rows of people hold none. A look at everybody finds out, by the first people on the list.
    async fn answers(&mut self, event: &str, people: &[Person]) -> Result<(), Broken> {
        if self.answers.is_some() || people.is_empty() {
            return Ok(());
        }
        let (questions, whole) = (self.speaker.questions, self.pass.look.since.is_none());
        let answered = |person: &Person| !translate::answers(&person.raw, questions).is_empty();
        let apart = match whole {
            true => !questions.is_empty() && !people.iter().any(answered),
            false => self.pass.cursor.answers_apart,
        };
        let mut answers: HashMap<String, Vec<Row>> = HashMap::new();
        if apart && let Some(submissions) = optional(self.pass.inevent.submissions(event).await)? {
            for Submission { person, raw, .. } in submissions.items {
                answers.entry(person).or_default().push(raw);
            }
        }
        self.passed.answers_apart = whole.then_some(!answers.is_empty());
        self.answers = Some(answers);
        Ok(())
    }

    /// Somebody on the list. Settings that changed are to be seen at once, so what is restated is as it is now.
    async fn person(&mut self, person: &Person) -> Result<(), Broken> {
        let participant = translate::participant(person);
        self.profiles.insert(person.id.clone(), participant.clone());
        // Who waits for approval is listed by some, and not registered yet.
        if person.approved == Some(false) {
            return Ok(());
        }
        let time = match person.updated {
            Some(updated) if !self.pass.look.restate && !self.is_back(person, updated) => updated,
            _ => self.begun,
        };
        self.put(self.speaker.registered(person, time)).await?;
        if person.present == Some(true) {
            self.present.push(person.id.clone());
        }
        Ok(())
    }

    /// Whether the row says that they cancelled, and they are on the list: what InEvent changed last is no matter.
    fn is_back(&self, person: &Person, updated: SourceTime) -> bool {
        self.pass.known.registered(&person.id).is_some_and(|(registration, time)| {
            registration == Registration::Cancelled && time >= updated && time < self.begun
        })
    }

    /// Who was rejected is not registered any more. Of somebody who never was, that says nothing.
    pub(super) async fn applications(&mut self, event: &str) -> Result<(), Broken> {
        let Some(applicants) = optional(self.pass.inevent.applicants(event).await)? else { return Ok(()) };
        let time = applicants.date.unwrap_or(self.begun);
        for applicant in applicants.items {
            let person = applicant.person;
            if applicant.application == Some(Application::Rejected) && !self.listed.contains(&person.id) {
                self.put(self.speaker.cancelled(translate::participant(&person), time)).await?;
            }
        }
        Ok(())
    }

    /// Who is registered according to the rows, and on InEvent's list no more.
    pub(super) async fn missing(&mut self, event: &str, whole: bool) -> Result<(), Broken> {
        let known = self.pass.known.listed(None);
        match missing(&known, &self.listed, whole, self.pass.trusted) {
            Missing::These(ids) => {
                for id in ids {
                    if !self.is_there(self.pass.inevent.person(event, id).await).await? {
                        let participant = self.participant(id).unwrap_or_else(|| translate::somebody(id));
                        self.put(self.speaker.cancelled(participant, self.begun)).await?;
                    }
                }
            }
            Missing::Unknown => {}
            implausible @ Missing::Implausible { .. } => self.alarm(told(&implausible, "InEvent's list of people")),
        }
        Ok(())
    }
}
