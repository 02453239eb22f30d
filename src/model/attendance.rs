//! The state of one attendance row, as a join: whatever the order and number of deliveries, the same statements give the same state.

use super::{
    Kind, ParticipantEvent, SourceTime,
    event::{Attendance, Registration},
    presence::Presence,
    stamp::{Cell, Told, time_and_rest},
};

/// Engagement score in hundredths.
pub type Score = i64;

/// Everything that the source said about one participant at one event or session, short of names and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub registration: Option<Cell<Registration>>,
    pub presence: Presence,
    pub score: Option<Cell<Score>>,
}

/// What a reader of the row wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub registration: Registration,
    pub attendance: Option<Attendance>,
    pub check_in: Option<SourceTime>,
    pub check_out: Option<SourceTime>,
    pub score: Option<Score>,
}

impl Outcome {
    /// What it comes down to, in the words that stand in a subject.
    pub fn word(&self) -> &'static str {
        match (self.attendance, self.registration) {
            (Some(Attendance::Attended), _) => "Attended",
            (Some(Attendance::Partial), _) => "Partial",
            (_, Registration::Cancelled) => "Cancelled",
            (Some(Attendance::NoShow), _) => "No show",
            (None, Registration::Registered) => "Registered for",
        }
    }

    /// Whether the participant cancelled, and was not there all the same.
    pub fn is_cancelled(&self) -> bool {
        self.registration == Registration::Cancelled && matches!(self.attendance, None | Some(Attendance::NoShow))
    }
}

/// What a participant did in the sessions of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Sessions in which they were there, in part at least.
    pub seen: usize,
    /// Sessions on whose list they are, or in which they were there.
    pub of: usize,
}

/// Below what somebody was there only in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Threshold {
    /// Minutes from check-in to check-out.
    pub minutes: Option<u64>,
    /// Percent of the participant's sessions.
    pub percent: Option<u8>,
}

impl State {
    /// Joins one statement in.
    pub fn join(&mut self, event: &ParticipantEvent) {
        self.join_registration(event);
        self.join_presence(event);
        if let Some(score) = event.score {
            self.join_score(event.told(), score);
        }
    }

    /// Joins in what a statement says of the registration.
    pub fn join_registration(&mut self, event: &ParticipantEvent) {
        let registration = match event.kind {
            Kind::Registered | Kind::SessionEnrolled => Some(Registration::Registered),
            Kind::Cancelled | Kind::SessionLeft => Some(Registration::Cancelled),
            _ => event.status.unwrap_or_default().registration,
        };
        if let Some(registration) = registration {
            self.registration = Cell::join(self.registration, event.told(), registration);
        }
    }

    /// Joins in what a statement says of the attendance.
    pub fn join_presence(&mut self, event: &ParticipantEvent) {
        self.presence.join(event);
    }

    /// Joins a score in, in whole points.
    pub fn join_score(&mut self, told: impl Into<Told>, score: f64) {
        self.score = Cell::join(self.score, told, hundredths(score));
    }

    /// Concludes what follows from everything that is known: whether the event or session is over, when it was to end, and what
    /// the participant did in the event's sessions (nothing for the row of a session).
    pub fn conclude(&mut self, over: bool, end: Option<SourceTime>, sessions: Sessions, threshold: Threshold) {
        self.end(over);
        let over = self.presence.over;
        let seen = self.presence.seen();
        let there = seen || over && sessions.seen > 0;
        let present = self.presence.present(end.filter(|_| over));
        let short = threshold.minutes.zip(present).is_some_and(|(least, present)| present < least.saturating_mul(60));
        let few = threshold.percent.is_some_and(|least| over && sessions.seen * 100 < usize::from(least) * sessions.of);
        self.presence.concluded = match self.presence.stated() {
            Some(Attendance::Attended | Attendance::Partial) => None,
            Some(Attendance::NoShow) if !seen => None,
            _ if there && (short || few) => Some(Attendance::Partial),
            _ if seen => None,
            _ if there => Some(Attendance::Attended),
            _ if over && self.registration() == Registration::Registered => Some(Attendance::NoShow),
            _ => None,
        };
    }

    /// Remembers that the event or session is over, and concludes nothing from it.
    pub fn end(&mut self, over: bool) {
        self.presence.over |= over;
    }

    pub fn outcome(&self) -> Outcome {
        Outcome {
            registration: self.registration(),
            attendance: self.presence.attendance(),
            check_in: self.presence.check_in(),
            check_out: self.presence.check_out(),
            score: self.score.map(|cell| cell.value),
        }
    }

    /// When the latest of what is known here was stated.
    pub fn latest(&self) -> Option<SourceTime> {
        let registration = self.registration.map(|cell| cell.time);
        registration.max(self.score.map(|cell| cell.time)).max(self.presence.latest())
    }

    /// Who is known only by a check-in or a score is registered all the same.
    fn registration(&self) -> Registration {
        self.registration.map_or(Registration::Registered, |cell| cell.value)
    }
}

/// `time:registered` or `time:cancelled`.
pub fn print_registration(cell: Cell<Registration>) -> String {
    let word = match cell.value {
        Registration::Registered => "registered",
        Registration::Cancelled => "cancelled",
    };
    format!("{}:{word}", cell.time.digits())
}

/// Reads what [`print_registration`] wrote.
pub fn parse_registration(text: &str) -> Option<Cell<Registration>> {
    match time_and_rest(text)? {
        (time, "registered") => Some(Cell::new(time, Registration::Registered)),
        (time, "cancelled") => Some(Cell::new(time, Registration::Cancelled)),
        _ => None,
    }
}

/// `time:hundredths`.
pub fn print_score(cell: Cell<Score>) -> String {
    format!("{}:{}", cell.time.digits(), cell.value)
}

/// Reads what [`print_score`] wrote.
pub fn parse_score(text: &str) -> Option<Cell<Score>> {
    let (time, hundredths) = time_and_rest(text)?;
    Some(Cell::new(time, hundredths.parse().ok()?))
}

/// Half a hundredth is rounded away from zero. Scores are bounded where they enter, far inside what `i64` holds.
fn hundredths(score: f64) -> Score {
    (score * 100.0).round() as Score
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Occasion;

    fn at(second: i64) -> SourceTime {
        SourceTime::new(jiff::Timestamp::from_second(second).unwrap()).unwrap()
    }

    fn statement(kind: Kind, second: i64) -> ParticipantEvent {
        ParticipantEvent {
            id: "1".into(),
            time: at(second),
            kind,
            read: false,
            event: Occasion { id: "e".into(), name: None, begin: None, end: None, tracks: Default::default() },
            session: None,
            participant: None,
            answers: Default::default(),
            status: None,
            score: None,
        }
    }

    /// The outcome of the statements, in the order given, the event closed or not.
    fn told(statements: &[(Kind, i64)], closed: bool) -> (Option<Attendance>, Option<SourceTime>) {
        let mut state = State::default();
        for (kind, second) in statements {
            state.join(&statement(*kind, *second));
        }
        state.conclude(closed, None, Sessions::default(), Threshold::default());
        (state.outcome().attendance, state.outcome().check_in)
    }

    #[test]
    fn attendance_rules() {
        use Kind::*;
        let attended = |second| (Some(Attendance::Attended), Some(at(second)));
        let nobody = (None, None);
        let no_show = (Some(Attendance::NoShow), None);
        for (what, statements, closed, expected) in [
            ("registered, not over", &[(Registered, 1)][..], false, nobody),
            ("registered and over", &[(Registered, 1)], true, no_show),
            ("cancelled and over", &[(Registered, 1), (Cancelled, 2)], true, nobody),
            ("cancelled, registered again and over", &[(Registered, 3), (Cancelled, 2)], true, no_show),
            ("a late check-in wins over no-show", &[(Registered, 1), (CheckedIn, 9)], true, attended(9)),
            ("the earliest check-in counts", &[(CheckedIn, 5), (CheckedIn, 3)], false, attended(3)),
            ("taken back", &[(CheckedIn, 5), (CheckInTakenBack, 6)], false, nobody),
            ("taken back at the same time", &[(CheckInTakenBack, 5), (CheckedIn, 5)], false, nobody),
            ("taken back, then over", &[(CheckInTakenBack, 6), (CheckedIn, 5)], true, no_show),
            ("checked in again", &[(CheckedIn, 7), (CheckInTakenBack, 6), (CheckedIn, 5)], true, attended(7)),
            (
                "taken back between, told late",
                &[(CheckedIn, 5), (CheckedIn, 8), (CheckedIn, 7), (CheckInTakenBack, 6)],
                false,
                attended(7),
            ),
            ("who checked out was there", &[(CheckedOut, 5)], true, (Some(Attendance::Attended), None)),
        ] {
            assert_eq!(told(statements, closed), expected, "{what}");
        }
    }

    #[test]
    fn what_was_read_counts_where_it_differs_and_yields_to_exact_times() {
        use Kind::*;
        let read = |kind, second| ParticipantEvent { read: true, ..statement(kind, second) };
        let (seen, left) = (read(CheckedIn, 10), read(CheckedOut, 20));
        for (what, statements, check_in, check_out) in [
            ("seen only", vec![seen.clone(), left.clone()], Some(10), Some(20)),
            (
                "then told exactly",
                vec![seen.clone(), left.clone(), statement(CheckedIn, 9), statement(CheckedOut, 18)],
                Some(9),
                Some(18),
            ),
            (
                "known before",
                vec![statement(CheckedIn, 9), statement(CheckedOut, 18), seen.clone(), left.clone()],
                Some(9),
                Some(18),
            ),
            (
                "came back since",
                vec![statement(CheckedOut, 12), statement(CheckedIn, 15), left.clone()],
                Some(15),
                Some(20),
            ),
            ("taken back since", vec![seen.clone(), left.clone(), statement(CheckInTakenBack, 30)], None, None),
            ("nothing to take back", vec![read(CheckInTakenBack, 30), statement(CheckedIn, 25)], Some(25), None),
        ] {
            let mut state = State::default();
            statements.iter().for_each(|statement| state.join(statement));
            let outcome = state.outcome();
            assert_eq!((outcome.check_in, outcome.check_out), (check_in.map(at), check_out.map(at)), "{what}");
            assert_eq!(Presence::parse(&state.presence.to_string()), state.presence, "{what}");
        }
        let mut state = State::default();
        state.join(&statement(Registered, 5));
        let known = state.clone();
        state.join(&read(Registered, 50));
        assert_eq!(state, known);
        state.join(&read(Cancelled, 51));
        assert_eq!(state.outcome().registration, Registration::Cancelled);
    }

    #[test]
    fn what_is_stated_outright() {
        let mut state = State::default();
        let mut partial = statement(Kind::Updated, 5);
        partial.status =
            Some(crate::model::event::StatedStatus { registration: None, attendance: Some(Attendance::Partial) });
        state.join(&partial);
        state.join(&statement(Kind::CheckedIn, 4));
        assert_eq!(state.outcome().attendance, Some(Attendance::Partial));
        state.join(&statement(Kind::CheckInTakenBack, 6));
        assert_eq!(state.outcome().attendance, None);
    }

    #[test]
    fn partial_is_decided_by_time_and_by_sessions() {
        use Kind::*;
        let hour = 3_600;
        let stay = [(CheckedIn, 0), (CheckedOut, hour)];
        let back = [(CheckedIn, 0), (CheckedOut, 600), (CheckedIn, 1_000), (CheckedOut, 1_600)];
        let (none, minutes) = (Threshold::default(), |minutes| Threshold { minutes: Some(minutes), percent: None });
        let percent = |percent| Threshold { minutes: None, percent: Some(percent) };
        let sessions = |seen, of| Sessions { seen, of };
        let (attended, partial, no_show) = (Attendance::Attended, Attendance::Partial, Attendance::NoShow);
        for (what, statements, over, sessions, threshold, expected) in [
            ("an hour of thirty minutes", &stay[..], false, sessions(0, 0), minutes(30), Some(attended)),
            ("an hour of two", &stay, false, sessions(0, 0), minutes(120), Some(partial)),
            ("twice ten minutes of twenty", &back, false, sessions(0, 0), minutes(20), Some(attended)),
            ("twice ten minutes of half an hour", &back, false, sessions(0, 0), minutes(30), Some(partial)),
            ("off", &back, true, sessions(0, 9), none, Some(attended)),
            ("still there", &stay[..1], false, sessions(0, 0), minutes(120), Some(attended)),
            ("stayed to the end, after two hours", &stay[..1], true, sessions(0, 0), minutes(120), Some(attended)),
            ("stayed to the end, and it was short", &stay[..1], true, sessions(0, 0), minutes(121), Some(partial)),
            ("left only: nobody knows when they came", &stay[1..], true, sessions(0, 0), minutes(120), Some(attended)),
            ("one session of three", &stay, true, sessions(1, 3), percent(50), Some(partial)),
            ("one of two", &stay, true, sessions(1, 2), percent(50), Some(attended)),
            ("sessions are still to come", &stay, false, sessions(0, 3), percent(50), Some(attended)),
            ("seen in a session only", &[(Registered, 0)], true, sessions(1, 2), none, Some(attended)),
            ("seen in a session only, so far", &[(Registered, 0)], false, sessions(1, 2), none, None),
            ("seen in too few sessions only", &[(Registered, 0)], true, sessions(1, 3), percent(50), Some(partial)),
            ("cancelled, and seen in a session", &[(Cancelled, 0)], true, sessions(1, 1), none, Some(attended)),
            ("seen nowhere", &[(Registered, 0)], true, sessions(0, 3), percent(50), Some(no_show)),
        ] {
            let mut state = State::default();
            statements.iter().for_each(|(kind, second)| state.join(&statement(*kind, *second)));
            state.conclude(over, Some(at(2 * hour)), sessions, threshold);
            assert_eq!(state.outcome().attendance, expected, "{what}");
            assert_eq!(Presence::parse(&state.presence.to_string()), state.presence, "{what}");
        }
    }

    #[test]
    fn the_stamp_holds_the_whole_state() {
        let mut state = State::default();
        for (kind, second) in
            [(Kind::CheckedIn, 4), (Kind::CheckedIn, 8), (Kind::CheckedOut, 9), (Kind::CheckInTakenBack, 3)]
        {
            state.join(&statement(kind, second));
        }
        assert_eq!(Presence::parse(&state.presence.to_string()), state.presence);
        assert_eq!(Presence::parse("nonsense in:12 in: out:é noshow").to_string(), "over noshow");
        let many = (0..800).map(|second| ([Kind::CheckedIn, Kind::CheckedOut][second as usize % 2], second));
        let many = many.collect::<Vec<_>>();
        let mut state = State::default();
        many.iter().for_each(|(kind, second)| state.join(&statement(*kind, *second)));
        assert_eq!((state.outcome().check_in, state.outcome().check_out), (Some(at(0)), Some(at(799))));
        assert!(state.presence.to_string().len() < 4_000);
    }
}
