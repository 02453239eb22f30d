//! How much of the processors each program of a measurement took.

use std::collections::BTreeMap;

use anyhow::Result;

/// Seconds of processor time, by the name of a program.
pub type Taken = BTreeMap<String, f64>;

/// How many processors there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What this process and those that it started, and these in turn, took since each of them began.
#[cfg(target_os = "linux")]
pub fn taken() -> Result<Taken> {
    use anyhow::Context;

    // The unit of /proc is the same on every architecture that Rust has.
    const TICKS: f64 = 100.0;
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").context("cannot list the processes")? {
        // Those that are no process, or none any more, have nothing to say.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        processes.extend(process(&stat));
    }
    let mut taken = Taken::new();
    let mut next = vec![std::process::id()];
    while let Some(parent) = next.pop() {
        if let Some((_, name, ticks)) = processes.get(&parent) {
            *taken.entry(name.clone()).or_default() += *ticks as f64 / TICKS;
        }
        next.extend(processes.iter().filter(|(_, (of, ..))| *of == parent).map(|(process, _)| *process));
    }
    Ok(taken)
}

/// Elsewhere nothing is counted.
#[cfg(not(target_os = "linux"))]
pub fn taken() -> Result<Taken> {
    Ok(Taken::new())
}

/// From a line of proc_pid_stat(5): the process, and its parent, name, and ticks in user and system mode.
#[cfg(target_os = "linux")]
fn process(stat: &str) -> Option<(u32, (u32, String, u64))> {
    let (id, rest) = stat.split_once(" (")?;
    // A name may hold anything.
    let (name, rest) = rest.rsplit_once(") ")?;
    let field = |number: usize| rest.split(' ').nth(number - 3)?.parse::<u64>().ok();
    let parent = u32::try_from(field(4)?).ok()?;
    Some((id.parse().ok()?, (parent, name.to_owned(), field(14)? + field(15)?)))
}

/// What was taken since `before`, the most first, and how much of all processors that is.
pub fn told(before: &Taken, after: &Taken, seconds: f64) -> String {
    let since = |(name, taken): (&String, &f64)| (name.clone(), taken - before.get(name).copied().unwrap_or_default());
    let mut since: Vec<(String, f64)> = after.iter().map(since).filter(|(_, taken)| *taken >= 0.05).collect();
    since.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    if after.is_empty() {
        return "the processors' time is not counted on this system".to_owned();
    }
    let share = since.iter().map(|(_, taken)| taken).sum::<f64>() / seconds / cores() as f64;
    let each: Vec<String> = since.iter().map(|(name, taken)| format!("{name} {taken:.1} s")).collect();
    format!("processors {:.0} % busy: {}", share * 100.0, each.join(", "))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_read() {
        let stat = "7 (a) (b) S 3 7 7 0 -1 4194560 9 0 0 0 120 30 0 0 20 0 1 0 5 0 0";
        assert_eq!(process(stat), Some((7, (3, "a) (b".into(), 150))));
    }

    #[test]
    fn what_is_taken_is_told_by_program() {
        let before = Taken::from([("host".into(), 1.0)]);
        let after = Taken::from([("host".into(), 2.5), ("handler".into(), 4.0), ("idle".into(), 0.0)]);
        assert!(told(&before, &after, 10.0).ends_with("busy: handler 4.0 s, host 1.5 s"));
        assert!(told(&before, &Taken::new(), 10.0).contains("not counted"));
        assert!(!taken().unwrap().is_empty());
    }
}
