//! When a timer is due, and whether it has missed its time.

use std::time::Duration;

use jiff::Timestamp;

use super::{ncrontab::NCrontab, timer_state::ScheduleStatus, timespan};

/// The `schedule` of a timer trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Schedule {
    Cron(NCrontab),
    /// A .NET `TimeSpan`: this long after the last run.
    Every(Duration),
}

impl Schedule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        NCrontab::parse(text)
            .map(Self::Cron)
            .or_else(|| timespan::parse(text).filter(|span| !span.is_zero()).map(Self::Every))
    }

    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(expression) => expression.next(after),
            Self::Every(span) => after.checked_add(*span).ok(),
        }
    }

    /// Whether the host remembers runs of this timer: not if it is due more than once a minute.
    pub(super) fn is_monitored(&self, now: Timestamp) -> bool {
        match self {
            Self::Cron(_) => {
                let second = self.next(now).and_then(|first| self.next(first));
                second.is_none_or(|second| second.duration_since(now) >= jiff::SignedDuration::from_mins(1))
            }
            Self::Every(span) => *span >= Duration::from_secs(60),
        }
    }

    /// What the handler is told as `Schedule.AdjustForDST`.
    pub(super) fn adjusts_for_dst(&self) -> bool {
        matches!(self, Self::Cron(_))
    }
}

/// What a timer does at start, given what is remembered of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AtStart {
    /// What is told to the handler with the next run.
    pub(super) status: ScheduleStatus,
    /// A run was missed while the host was down.
    pub(super) past_due: bool,
    /// To be stored before the first run.
    pub(super) store: Option<ScheduleStatus>,
}

impl AtStart {
    /// `None` when the schedule has no occurrence ahead.
    pub(super) fn of(schedule: &Schedule, remembered: Option<ScheduleStatus>, now: Timestamp) -> Option<Self> {
        let Some(mut status) = remembered else {
            let next = schedule.next(now)?;
            // The stored record has a time of writing already; the first run is still told that there was none.
            let store = ScheduleStatus { last: None, next, last_updated: Some(now) };
            return Some(Self {
                status: ScheduleStatus { last: None, next, last_updated: None },
                past_due: false,
                store: Some(store),
            });
        };
        let mut expected = schedule.next(status.last.unwrap_or(now))?;
        let mut store = None;
        if status.next != expected {
            // Either the schedule was changed, or the timer never ran: a time in the past is no missed run then.
            let mut updated = status.last.unwrap_or(now);
            if now > expected {
                expected = schedule.next(now)?;
                updated = now;
            }
            status = ScheduleStatus { last: None, next: expected, last_updated: Some(updated) };
            store = Some(status.clone());
        }
        Some(Self { past_due: now > status.next, status, store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let Ok(at) = text.parse() else { panic!("{text}") };
        at
    }

    fn schedule(text: &str) -> Schedule {
        let Some(schedule) = Schedule::parse(text) else { panic!("{text}") };
        schedule
    }

    #[test]
    fn schedules_due_more_than_once_a_minute_are_not_remembered() {
        let now = at("2026-11-22T20:47:10Z");
        for (text, monitored) in [
            ("0 */5 * * * *", true),
            ("0 * * * * *", true),
            ("*/30 * * * * *", false),
            ("00:00:30", false),
            ("00:01:00", true),
        ] {
            assert_eq!(schedule(text).is_monitored(now), monitored, "{text}");
        }
    }

    #[test]
    fn a_run_missed_while_the_host_was_down_is_past_due_once() {
        let five = schedule("0 */5 * * * *");
        let ran = ScheduleStatus {
            last: Some(at("2026-11-22T20:45:00.007Z")),
            next: at("2026-11-22T20:50:00Z"),
            last_updated: Some(at("2026-11-22T20:45:00.007Z")),
        };
        let past_due = |now| AtStart::of(&five, Some(ran.clone()), at(now)).map(|start| start.past_due);
        assert_eq!(past_due("2026-11-22T20:49:00Z"), Some(false));
        assert_eq!(past_due("2026-11-22T20:51:00Z"), Some(true));
    }

    #[test]
    fn a_timer_that_never_ran_or_whose_schedule_changed_is_not_past_due() {
        let now = at("2026-11-22T21:00:30Z");
        let never = ScheduleStatus { last: None, next: at("2026-11-22T20:50:00Z"), last_updated: None };
        let ran = ScheduleStatus { last: Some(at("2026-11-22T20:45:00Z")), ..never.clone() };
        for (text, remembered) in
            [("0 */5 * * * *", None), ("0 */5 * * * *", Some(never)), ("0 */7 * * * *", Some(ran))]
        {
            let Some(start) = AtStart::of(&schedule(text), remembered, now) else { panic!("{text}") };
            assert!(!start.past_due, "{text}");
            assert!(start.status.next > now && start.status.last.is_none(), "{text}");
            assert_eq!(start.store.map(|stored| stored.next), Some(start.status.next));
        }
    }
}
