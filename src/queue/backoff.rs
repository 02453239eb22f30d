//! How long a message that was put back waits.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The wait before attempt number `attempt` (from 1): 5 s, doubled each time up to 15 minutes, of which the second half is jitter.
///
/// `jitter` is between 0 and 1. There is no last attempt: an outage may take as long as it takes.
pub fn delay(attempt: u32, jitter: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let seconds: Vec<u64> = (1..=10).map(|attempt| delay(attempt, 1.0).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(delay(1, 0.0), Duration::from_millis(2_500));
        assert_eq!(delay(u32::MAX, 0.5), Duration::from_secs(675));
    }
}
