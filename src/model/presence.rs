//! When a participant was there, as a join: check-ins, check-outs, what was taken back and what was stated outright.

use std::{collections::BTreeSet, fmt};

use super::{
    Kind, ParticipantEvent, SourceTime,
    event::Attendance,
    stamp::{Cell, time_and_rest},
};

/// How many check-ins of one row are remembered, and how many check-outs. Beyond it the check-ins between the earliest and the
/// latest are forgotten, so that a check-in taken back between them may reveal a later one than it should, and the earliest
/// check-outs, so that the time between may count as present.
pub const MAX_TIMES: usize = 75;

/// Check-ins, check-outs and what was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Check-ins later than the last taking back. All are kept: a taking back that arrives late may annul the earliest of them.
    check_ins: BTreeSet<SourceTime>,
    /// Check-outs, later than the last taking back.
    check_outs: BTreeSet<SourceTime>,
    /// By when somebody was seen to have checked in, where the time itself may not be known: it came no later.
    seen_in: Option<SourceTime>,
    /// By when somebody was seen to have checked out.
    seen_out: Option<SourceTime>,
    /// Nothing up to and including this time happened.
    taken_back: Option<SourceTime>,
    /// What the source stated outright, later than the last taking back.
    stated: Option<Cell<Attendance>>,
    /// It was concluded once that the event or session is over. That never changes back.
    pub(super) over: bool,
    /// What follows from all that is known, where it is more than what stands above.
    pub(super) concluded: Option<Attendance>,
}

impl Presence {
    /// Joins one statement in.
    pub(super) fn join(&mut self, event: &ParticipantEvent) {
        let time = event.time;
        match (event.kind, event.read) {
            (Kind::CheckedIn, false) => drop(self.check_ins.insert(time)),
            (Kind::CheckedOut, false) => drop(self.check_outs.insert(time)),
            (Kind::CheckedIn, true) if self.check_in().is_none() => self.seen_in = Some(time),
            (Kind::CheckedOut, true) if self.check_out() <= self.last_in() => self.seen_out = Some(time),
            (Kind::CheckInTakenBack, read) if !read || self.seen() => {
                self.taken_back = self.taken_back.max(Some(time));
            }
            _ => {}
        }
        if let Some(attendance) = event.status.unwrap_or_default().attendance {
            self.stated = Cell::join(self.stated, event.told(), attendance);
        }
        self.normalise();
    }

    pub(super) fn seen(&self) -> bool {
        self.check_in().is_some() || self.check_out().is_some()
    }

    fn last_in(&self) -> Option<SourceTime> {
        self.check_ins.last().copied().max(self.seen_in)
    }

    /// By when somebody was seen to have left, unless the time at which they did is known.
    fn unexplained_out(&self) -> Option<SourceTime> {
        let seen = self.seen_out?;
        let last_in = self.check_ins.range(..seen).next_back().copied();
        let known = self.check_outs.range(..=seen).next_back().copied();
        (known.is_none() || known < last_in).then_some(seen)
    }

    /// Whether it was concluded that the event or session is over.
    pub fn over(&self) -> bool {
        self.over
    }

    pub(super) fn stated(&self) -> Option<Attendance> {
        self.stated.map(|cell| cell.value)
    }

    pub(super) fn check_in(&self) -> Option<SourceTime> {
        self.check_ins.first().copied().into_iter().chain(self.seen_in).min()
    }

    pub(super) fn check_out(&self) -> Option<SourceTime> {
        self.check_outs.last().copied().max(self.unexplained_out())
    }

    /// What is stated; else that somebody was seen, in part perhaps; else what was concluded.
    pub(super) fn attendance(&self) -> Option<Attendance> {
        match self.stated() {
            Some(Attendance::NoShow) | None if self.seen() => Some(if self.concluded == Some(Attendance::Partial) {
                Attendance::Partial
            } else {
                Attendance::Attended
            }),
            None => self.concluded,
            stated => stated,
        }
    }

    pub(super) fn latest(&self) -> Option<SourceTime> {
        let stated = self.stated.map(|cell| cell.time);
        self.last_in().max(self.check_out()).max(self.taken_back).max(stated)
    }

    /// Whether a check-in or check-out would change nothing.
    pub fn accounts_for(&self, event: &ParticipantEvent) -> bool {
        let mut joined = self.clone();
        joined.join(event);
        joined == *self
    }

    /// Seconds from check-ins to check-outs. Who did not check out stayed until the end. `None` where a begin or an end is not known.
    pub(super) fn present(&self, end: Option<SourceTime>) -> Option<u64> {
        let seconds = |from: SourceTime, to: SourceTime| {
            u64::try_from(to.timestamp().as_second() - from.timestamp().as_second()).unwrap_or_default()
        };
        // At equal times the check-in comes first.
        let first = self.check_in();
        let mut times: Vec<(SourceTime, bool)> =
            self.check_ins.iter().copied().chain(first).map(|time| (time, false)).collect();
        let left = self.check_outs.iter().copied().chain(self.unexplained_out());
        times.extend(left.map(|time| (time, true)));
        times.sort_unstable();
        let (mut begun, mut left, mut present) = (None, None, 0);
        for (time, out) in times {
            match (out, begun, left) {
                (true, None, _) => return None,
                (true, Some(_), _) => left = Some(time),
                (false, Some(from), Some(to)) => {
                    present += seconds(from, to);
                    (begun, left) = (Some(time), None);
                }
                (false, None, _) => begun = Some(time),
                (false, Some(_), None) => {}
            }
        }
        let from = begun?;
        let to = left.or(end.filter(|end| *end > from))?;
        Some(present + seconds(from, to))
    }

    /// The same with at most so many check-ins, and so many check-outs.
    pub fn bounded(mut self, times: usize) -> Self {
        self.bound(times);
        self
    }

    fn normalise(&mut self) {
        if let Some(taken_back) = self.taken_back {
            self.check_ins.retain(|time| *time > taken_back);
            self.check_outs.retain(|time| *time > taken_back);
            self.stated = self.stated.filter(|cell| cell.time > taken_back);
            self.seen_in = self.seen_in.filter(|time| *time > taken_back);
            self.seen_out = self.seen_out.filter(|time| *time > taken_back);
        }
        self.bound(MAX_TIMES);
    }

    fn bound(&mut self, times: usize) {
        while self.check_ins.len() > times {
            let second = self.check_ins.iter().nth(1).copied();
            second.map(|time| self.check_ins.remove(&time));
        }
        while self.check_outs.len() > times {
            self.check_outs.pop_first();
        }
    }

    /// Reads the text form; what does not parse counts as never stated.
    pub fn parse(text: &str) -> Self {
        let mut presence = Self::default();
        for token in text.split(' ') {
            let (name, value) = token.split_once(':').unwrap_or((token, ""));
            let Some((time, rest)) = time_and_rest(value) else {
                match name {
                    "over" => presence.over = true,
                    // Nobody is a no-show of what is not over.
                    "noshow" => (presence.over, presence.concluded) = (true, Some(Attendance::NoShow)),
                    "partly" => presence.concluded = Some(Attendance::Partial),
                    "there" => presence.concluded = Some(Attendance::Attended),
                    _ => {}
                }
                continue;
            };
            match name {
                "in" => drop(presence.check_ins.insert(time)),
                "out" => drop(presence.check_outs.insert(time)),
                "seenin" => presence.seen_in = Some(time),
                "seenout" => presence.seen_out = Some(time),
                "back" => presence.taken_back = Some(time),
                "stated" => {
                    presence.stated = [Attendance::Attended, Attendance::Partial, Attendance::NoShow]
                        .into_iter()
                        .find(|attendance| word(*attendance) == rest)
                        .map(|attendance| Cell::new(time, attendance));
                }
                _ => {}
            }
        }
        presence.normalise();
        presence
    }
}

/// `back:time in:time … out:time … seenin:time seenout:time stated:time:word over noshow`, as far as there is each; instead of `noshow` also `partly` and
/// `there`.
impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tokens: Vec<String> = Vec::new();
        tokens.extend(self.taken_back.map(|time| format!("back:{}", time.digits())));
        tokens.extend(self.check_ins.iter().map(|time| format!("in:{}", time.digits())));
        tokens.extend(self.check_outs.iter().map(|time| format!("out:{}", time.digits())));
        tokens.extend(self.seen_in.map(|time| format!("seenin:{}", time.digits())));
        tokens.extend(self.seen_out.map(|time| format!("seenout:{}", time.digits())));
        tokens.extend(self.stated.map(|cell| format!("stated:{}:{}", cell.time.digits(), word(cell.value))));
        tokens.extend(self.over.then(|| "over".to_owned()));
        let concluded = |attendance| match attendance {
            Attendance::NoShow => "noshow",
            Attendance::Partial => "partly",
            Attendance::Attended => "there",
        };
        tokens.extend(self.concluded.map(|attendance| concluded(attendance).to_owned()));
        f.write_str(&tokens.join(" "))
    }
}

fn word(attendance: Attendance) -> &'static str {
    match attendance {
        Attendance::NoShow => "no_show",
        Attendance::Partial => "partial",
        Attendance::Attended => "attended",
    }
}
