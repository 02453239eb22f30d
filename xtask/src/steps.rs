//! What a command of several steps did, and its summary.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// One thing that was run.
pub struct Step {
    name: String,
    verdict: Verdict,
    took: Duration,
}

/// How a step ended.
pub enum Verdict {
    Passed,
    Failed,
    /// It was not run, or not whole: why.
    Skipped(String),
}

impl Verdict {
    pub fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// Runs a step; an error is said at once and counts as a failure.
pub fn step(name: impl Into<String>, run: impl FnOnce() -> Result<Verdict>) -> Step {
    let name = name.into();
    println!("== {name}");
    let started = Instant::now();
    let verdict = run().unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Verdict::Failed
    });
    if let Verdict::Skipped(why) = &verdict {
        println!("!!\n!! {name}: NOT CHECKED: {why}\n!!");
    }
    Step { name, verdict, took: started.elapsed() }
}

/// Prints what became of the steps.
///
/// # Errors
/// When one failed.
pub fn summarise(steps: &[Step], took: Duration) -> Result<()> {
    println!("== summary");
    for step in steps {
        println!("   {step}");
    }
    println!("   in all {:>7.1} s", took.as_secs_f64());
    match steps.iter().filter(|step| matches!(step.verdict, Verdict::Failed)).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} steps failed", steps.len()),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match &self.verdict {
            Verdict::Passed => "ok     ",
            Verdict::Failed => "FAILED ",
            Verdict::Skipped(_) => "SKIPPED",
        };
        write!(f, "{verdict} {:>7.1} s  {}", self.took.as_secs_f64(), self.name)?;
        match &self.verdict {
            Verdict::Skipped(why) => write!(f, " ({why})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_fails_and_what_was_skipped_does_not() {
        let passed = step("one", || Ok(Verdict::Passed));
        let skipped = step("two", || Ok(Verdict::Skipped("there is no compiler".to_owned())));
        assert!(skipped.to_string().contains("two (there is no compiler)"));
        assert!(summarise(&[passed, skipped], Duration::ZERO).is_ok());
        let failed = step("three", || bail!("no"));
        assert!(summarise(&[failed], Duration::ZERO).is_err());
    }
}
