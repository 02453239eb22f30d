//! The `retry` section of function.json, which the real host honours for timers only.

use std::time::Duration;

use serde_json::{Value, json};

use super::timespan;

/// When a failed run is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryPolicy {
    /// How often after the first try; `None` for `-1`, without end.
    max: Option<u32>,
    delay: Delay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delay {
    Fixed(Duration),
    Exponential { from: Duration, to: Duration },
}

impl RetryPolicy {
    pub(super) fn from_json(json: &Value) -> Result<Self, String> {
        let span = |name: &str| {
            let text = json.get(name).and_then(Value::as_str);
            text.and_then(timespan::parse).ok_or_else(|| format!("retry.{name} is not a time span."))
        };
        let strategy = json.get("strategy").and_then(Value::as_str).unwrap_or_default();
        let delay = match strategy.to_ascii_lowercase().as_str() {
            "fixeddelay" => Delay::Fixed(span("delayInterval")?),
            "exponentialbackoff" => Delay::Exponential { from: span("minimumInterval")?, to: span("maximumInterval")? },
            _ => return Err(format!("retry.strategy '{strategy}' is not known.")),
        };
        let max = match json.get("maxRetryCount").and_then(Value::as_i64) {
            Some(-1) => None,
            Some(count) => Some(u32::try_from(count).map_err(|_| "retry.maxRetryCount is out of range.".to_owned())?),
            None => return Err("retry.maxRetryCount is missing.".to_owned()),
        };
        Ok(Self { max, delay })
    }

    /// How long to wait before the `retry`th retry (the first is 1), or `None` when there is none.
    pub(super) fn delay(&self, retry: u32) -> Option<Duration> {
        if self.max.is_some_and(|max| retry > max) {
            return None;
        }
        Some(match self.delay {
            Delay::Fixed(delay) => delay,
            // The real host adds up to a fifth at random, which a test could not expect.
            Delay::Exponential { from, to } => match retry {
                1 => from.min(to),
                _ => from.saturating_add(from.saturating_mul(2u32.saturating_pow(retry - 2))).min(to),
            },
        })
    }

    /// `Metadata.RetryContext` of a retry; the first try has none.
    pub(super) fn context(&self, retry: u32, failure: &str) -> Value {
        json!({
            "RetryCount": retry,
            "MaxRetryCount": self.max.map_or(-1, i64::from),
            "Exception": {"ClassName": "Microsoft.Azure.WebJobs.Host.FunctionInvocationException", "Message": failure},
            "Instance": null,
            "State": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: Value) -> RetryPolicy {
        match RetryPolicy::from_json(&json) {
            Ok(policy) => policy,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn delays_follow_the_strategy_and_end_with_the_count() {
        let seconds = |policy: RetryPolicy| [1, 2, 3, 4].map(|n| policy.delay(n).map(|delay| delay.as_secs()));
        let fixed = policy(json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:10"}));
        assert_eq!(seconds(fixed), [Some(10), Some(10), None, None]);
        let growing = policy(json!({"strategy": "exponentialBackoff", "maxRetryCount": -1,
            "minimumInterval": "00:00:10", "maximumInterval": "00:00:25"}));
        assert_eq!(seconds(growing), [Some(10), Some(20), Some(25), Some(25)]);
    }

    #[test]
    fn a_policy_that_says_too_little_is_refused() {
        for json in [
            json!({}),
            json!({"strategy": "fixedDelay", "maxRetryCount": 2}),
            json!({"strategy": "fixedDelay", "delayInterval": "00:00:01"}),
        ] {
            assert!(RetryPolicy::from_json(&json).is_err(), "{json}");
        }
    }
}
