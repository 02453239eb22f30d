//! Which calls InEvent may have seen in the last second.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Calls in a second.
pub(super) const CALLS: usize = 10;
/// How long after its answer a call counts: a second, and a little for clocks that are not the same.
pub(super) const COUNTS: Duration = Duration::from_millis(1_050);

/// Which calls InEvent may have seen in the last second.
#[derive(Debug)]
pub(super) struct Window {
    /// How long after its answer a call counts.
    counts: Duration,
    pub(super) under_way: usize,
    /// When those that are answered stop to count, in order.
    counting: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Window {
    pub(super) fn new(counts: Duration) -> Self {
        Self { counts, under_way: 0, counting: VecDeque::new(), paused_until: None }
    }

    /// `None`: now. Otherwise when to look again, or never before a call is answered.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Option<Instant>> {
        while self.counting.front().is_some_and(|end| *end <= now) {
            self.counting.pop_front();
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Some(Some(until));
        }
        (self.under_way + self.counting.len() >= CALLS).then(|| self.counting.front().copied())
    }

    pub(super) fn begin(&mut self) {
        self.under_way += 1;
    }

    pub(super) fn end(&mut self, at: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.counting.push_back(at + self.counts);
    }

    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever each call takes on its way there and back, InEvent sees no more than ten in any second.
        #[test]
        fn no_second_sees_more_than_ten_calls(ways in prop::collection::vec((0_u64..3_000, 0_u64..3_000), 1..200)) {
            let begun = Instant::now();
            let at = |millis| begun + Duration::from_millis(millis);
            let (mut window, mut now, mut arrived, mut answers) = (Window::new(COUNTS), 0, Vec::new(), Vec::<u64>::new());
            let mut ways = ways.into_iter();
            let mut next = ways.next();
            while let Some((there, back)) = next {
                answers.sort_unstable();
                while answers.first().is_some_and(|answer| *answer <= now) {
                    window.end(at(answers.remove(0)));
                }
                match window.wait(at(now)) {
                    None => {
                        window.begin();
                        arrived.push(now + there);
                        answers.push(now + there + back);
                        next = ways.next();
                    }
                    Some(_) => now += 1,
                }
            }
            arrived.sort_unstable();
            for calls in arrived.windows(CALLS + 1) {
                prop_assert!(calls[CALLS] - calls[0] > 1_000, "{calls:?}");
            }
        }
    }
}
