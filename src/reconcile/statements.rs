//! What follows from what was read, in the connector's vocabulary.

use crate::{
    inevent::{attendance::Check, people::Person, questions::Question, translate},
    model::{Kind, Occasion, Participant, ParticipantEvent, SourceTime},
};

/// Speaks about one event.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    pub event: &'a Occasion,
    pub questions: &'a [Question],
}

impl Speaker<'_> {
    /// Who is on the list, with profile and answers.
    pub fn registered(&self, person: &Person, time: SourceTime) -> ParticipantEvent {
        let answers = translate::answers(&person.raw, self.questions);
        let state = self.state(Kind::Registered, time, None, translate::participant(person));
        translate::identified(ParticipantEvent { answers, ..state })
    }

    pub fn cancelled(&self, participant: Participant, time: SourceTime) -> ParticipantEvent {
        self.state(Kind::Cancelled, time, None, participant)
    }

    /// Who is said to be there, at a time that nobody knows.
    pub fn present(&self, participant: Participant, time: SourceTime) -> ParticipantEvent {
        self.state(Kind::CheckedIn, time, None, participant)
    }

    /// A passage of the check-in log happened when the log says.
    pub fn passed(&self, check: &Check, session: Option<&Occasion>, participant: Participant) -> ParticipantEvent {
        let state = self.state(check.direction.kind(), check.time, session, participant);
        translate::identified(ParticipantEvent { read: false, ..state })
    }

    pub fn scored(
        &self,
        session: Option<&Occasion>,
        participant: Participant,
        score: f64,
        time: SourceTime,
    ) -> ParticipantEvent {
        let state = self.state(Kind::Scored, time, session, participant);
        translate::identified(ParticipantEvent { score: Some(score), ..state })
    }

    pub fn enrolled(&self, session: &Occasion, participant: Participant, time: SourceTime) -> ParticipantEvent {
        self.state(Kind::SessionEnrolled, time, Some(session), participant)
    }

    pub fn left(&self, session: &Occasion, participant: Participant, time: SourceTime) -> ParticipantEvent {
        self.state(Kind::SessionLeft, time, Some(session), participant)
    }

    /// That the event, or a session of it, is over.
    pub fn closed(&self, session: Option<&Occasion>, time: SourceTime) -> ParticipantEvent {
        let kind = if session.is_some() { Kind::SessionClosed } else { Kind::EventClosed };
        let state = self.state(kind, time, session, Participant::default());
        translate::identified(ParticipantEvent { read: false, participant: None, ..state })
    }

    fn state(
        &self,
        kind: Kind,
        time: SourceTime,
        session: Option<&Occasion>,
        participant: Participant,
    ) -> ParticipantEvent {
        translate::identified(ParticipantEvent {
            id: String::new(),
            time,
            kind,
            read: true,
            event: self.event.clone(),
            session: session.cloned(),
            participant: Some(participant),
            answers: Default::default(),
            status: None,
            score: None,
        })
    }
}
