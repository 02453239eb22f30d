//! Calls counted: the limit per second, the highest rate that was seen, and the log of calls.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::variants::Variants;

/// Older entries of the log are dropped beyond this number.
const KEPT: usize = 10_000;

const SECOND: Duration = Duration::from_secs(1);

/// The calls of the last second.
#[derive(Debug, Default)]
struct Window {
    arrivals: VecDeque<Instant>,
    blocked_until: Option<Instant>,
    highest: usize,
}

impl Window {
    /// Counts a call, and says whether it is answered.
    fn admits(&mut self, now: Instant, most: usize, block: Duration) -> bool {
        while self.arrivals.front().is_some_and(|first| now.duration_since(*first) >= SECOND) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
        self.highest = self.highest.max(self.arrivals.len());
        if most == 0 {
            return true;
        }
        if self.arrivals.len() > most {
            self.blocked_until = Some(now + block);
            return false;
        }
        self.blocked_until.is_none_or(|until| now >= until)
    }
}

/// One call, without what was in it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    /// Seconds since 1970, by the stand-in's clock.
    pub(super) at: i64,
    pub(super) action: String,
    /// 0 if the connection was cut instead.
    pub(super) status: u16,
}

/// The calls so far. Times are the machine's: moving the stand-in's clock refills nothing.
#[derive(Debug, Default)]
pub(super) struct Meter {
    tokens: HashMap<String, Window>,
    machine: Window,
    by_action: BTreeMap<String, u64>,
    refused: u64,
    log: VecDeque<Entry>,
}

/// What the admin API tells of them.
#[derive(Debug, Serialize)]
pub(super) struct Reading<'a> {
    /// Calls that came in, whether they were answered or not.
    calls: u64,
    /// The most that came in within any one second, of one token.
    highest_per_second: usize,
    /// Calls refused for exceeding the limit.
    refused: u64,
    by_action: &'a BTreeMap<String, u64>,
    /// The last ones.
    log: &'a VecDeque<Entry>,
}

impl Meter {
    /// Counts a call, and says whether it is answered.
    pub(super) fn admits(&mut self, token: Option<&str>, now: Instant, variants: &Variants) -> bool {
        let block = Duration::from_millis(variants.rate_limit_block_ms);
        let machine = self.machine.admits(now, variants.rate_limit_per_machine, block);
        let token = token.is_none_or(|token| {
            let window = self.tokens.entry(token.to_owned()).or_default();
            window.admits(now, variants.rate_limit_per_second, block)
        });
        let admitted = machine && token;
        self.refused += u64::from(!admitted);
        admitted
    }

    pub(super) fn record(&mut self, entry: Entry) {
        *self.by_action.entry(entry.action.clone()).or_default() += 1;
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    pub(super) fn reading(&self) -> Reading<'_> {
        Reading {
            calls: self.by_action.values().sum(),
            highest_per_second: self.tokens.values().map(|window| window.highest).max().unwrap_or_default(),
            refused: self.refused,
            by_action: &self.by_action,
            log: &self.log,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Window;

    #[test]
    fn a_window_slides_and_a_block_ends() {
        let (mut window, start) = (Window::default(), Instant::now());
        let mut at = |ms| window.admits(start + Duration::from_millis(ms), 3, Duration::from_millis(500));
        assert_eq!([at(0), at(100), at(200), at(999), at(1300), at(1500)], [true, true, true, false, false, true]);
        assert_eq!(window.highest, 4);
    }
}
