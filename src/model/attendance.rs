//! The state of one attendance row, as a join: whatever the order and number of deliveries, the same statements give the same state.

use std::{collections::BTreeSet, fmt};

use super::{
    Kind, ParticipantEvent, SourceTime,
    event::{Attendance, Registration},
    stamp::{Cell, time_and_rest},
};

/// How many check-ins of one row are remembered. Beyond it the ones between the earliest and the latest are forgotten, so that a
/// check-in taken back between them may reveal a later one than it should.
pub const MAX_CHECK_INS: usize = 150;

/// Engagement score in hundredths.
pub type Score = i64;

/// Everything that the source said about one participant at one event or session, short of names and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub registration: Option<Cell<Registration>>,
    pub presence: Presence,
    pub score: Option<Cell<Score>>,
}

/// Check-ins, check-outs and what was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Check-ins later than the last taking back. All are kept: a taking back that arrives late may annul the earliest of them.
    check_ins: BTreeSet<SourceTime>,
    /// The latest check-out, later than the last taking back.
    check_out: Option<SourceTime>,
    /// Nothing up to and including this time happened.
    taken_back: Option<SourceTime>,
    /// What the source stated outright, later than the last taking back.
    stated: Option<Cell<Attendance>>,
    /// That the end of the event or session made this a no-show.
    concluded_no_show: bool,
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

impl State {
    /// Joins one statement in.
    pub fn join(&mut self, event: &ParticipantEvent) {
        let time = event.time;
        let stated = event.status.unwrap_or_default();
        let registration = match event.kind {
            Kind::Registered | Kind::SessionEnrolled => Some(Registration::Registered),
            Kind::Cancelled | Kind::SessionLeft => Some(Registration::Cancelled),
            _ => stated.registration,
        };
        if let Some(registration) = registration {
            self.registration = Cell::join(self.registration, Cell::new(time, registration));
        }
        if let Some(score) = event.score {
            self.score = Cell::join(self.score, Cell::new(time, hundredths(score)));
        }
        let presence = &mut self.presence;
        match event.kind {
            Kind::CheckedIn => {
                presence.check_ins.insert(time);
            }
            Kind::CheckedOut => presence.check_out = presence.check_out.max(Some(time)),
            Kind::CheckInTakenBack => presence.taken_back = presence.taken_back.max(Some(time)),
            _ => {}
        }
        if let Some(attendance) = stated.attendance {
            presence.stated = Cell::join(presence.stated, Cell::new(time, attendance));
        }
        presence.normalise();
    }

    /// Concludes what follows once it is known whether the event or session is over.
    pub fn conclude(&mut self, closed: bool) {
        let registered = self.registration() == Registration::Registered;
        let seen = self.presence.seen() || self.presence.stated.is_some();
        let over = closed || self.presence.concluded_no_show;
        self.presence.concluded_no_show = over && registered && !seen;
    }

    pub fn outcome(&self) -> Outcome {
        let presence = &self.presence;
        let attendance = match presence.stated.map(|cell| cell.value) {
            Some(Attendance::NoShow) | None if presence.seen() => Some(Attendance::Attended),
            None if presence.concluded_no_show => Some(Attendance::NoShow),
            stated => stated,
        };
        Outcome {
            registration: self.registration(),
            attendance,
            check_in: presence.check_ins.first().copied(),
            check_out: presence.check_out,
            score: self.score.map(|cell| cell.value),
        }
    }

    /// Who is known only by a check-in or a score is registered all the same.
    fn registration(&self) -> Registration {
        self.registration.map_or(Registration::Registered, |cell| cell.value)
    }
}

impl Presence {
    fn seen(&self) -> bool {
        !self.check_ins.is_empty() || self.check_out.is_some()
    }

    fn normalise(&mut self) {
        if let Some(taken_back) = self.taken_back {
            self.check_ins.retain(|time| *time > taken_back);
            self.check_out = self.check_out.filter(|time| *time > taken_back);
            self.stated = self.stated.filter(|cell| cell.time > taken_back);
        }
        while self.check_ins.len() > MAX_CHECK_INS {
            let second = self.check_ins.iter().nth(1).copied();
            second.map(|time| self.check_ins.remove(&time));
        }
    }

    /// Reads the text form; what does not parse counts as never stated.
    pub fn parse(text: &str) -> Self {
        let mut presence = Self::default();
        for token in text.split(' ') {
            let (name, value) = token.split_once(':').unwrap_or((token, ""));
            let Some((time, rest)) = time_and_rest(value) else {
                presence.concluded_no_show |= name == "noshow";
                continue;
            };
            match name {
                "in" => drop(presence.check_ins.insert(time)),
                "out" => presence.check_out = Some(time),
                "back" => presence.taken_back = Some(time),
                "stated" => {
                    presence.stated = [Attendance::Attended, Attendance::Partial, Attendance::NoShow]
                        .into_iter()
                        .find(|attendance| attendance_word(*attendance) == rest)
                        .map(|attendance| Cell::new(time, attendance));
                }
                _ => {}
            }
        }
        presence.normalise();
        presence
    }
}

/// `back:time in:time … out:time stated:time:word noshow`, as far as there is each.
impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tokens: Vec<String> = Vec::new();
        tokens.extend(self.taken_back.map(|time| format!("back:{}", time.digits())));
        tokens.extend(self.check_ins.iter().map(|time| format!("in:{}", time.digits())));
        tokens.extend(self.check_out.map(|time| format!("out:{}", time.digits())));
        tokens.extend(self.stated.map(|cell| format!("stated:{}:{}", cell.time.digits(), attendance_word(cell.value))));
        tokens.extend(self.concluded_no_show.then(|| "noshow".to_owned()));
        f.write_str(&tokens.join(" "))
    }
}

fn attendance_word(attendance: Attendance) -> &'static str {
    match attendance {
        Attendance::NoShow => "no_show",
        Attendance::Partial => "partial",
        Attendance::Attended => "attended",
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
            event: Occasion { id: "e".into(), name: None, begin: None, end: None },
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
        state.conclude(closed);
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
    fn the_stamp_holds_the_whole_state() {
        let mut state = State::default();
        for (kind, second) in
            [(Kind::CheckedIn, 4), (Kind::CheckedIn, 8), (Kind::CheckedOut, 9), (Kind::CheckInTakenBack, 3)]
        {
            state.join(&statement(kind, second));
        }
        assert_eq!(Presence::parse(&state.presence.to_string()), state.presence);
        assert_eq!(Presence::parse("nonsense in:12 in: out:é noshow").to_string(), "noshow");
        let many = (0..400).map(|second| (Kind::CheckedIn, second)).collect::<Vec<_>>();
        let mut state = State::default();
        many.iter().for_each(|(kind, second)| state.join(&statement(*kind, *second)));
        assert_eq!(state.outcome().check_in, Some(at(0)));
        assert!(state.presence.to_string().len() < 4_000);
    }
}
