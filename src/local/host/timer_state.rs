//! What is remembered of a timer between two starts of the host.

use std::{fmt::Debug, fs, io, path::PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::text_forms;

/// The record of a timer's runs, as the real host keeps it in a blob per timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// When it ran last; `None` before the first run.
    pub last: Option<Timestamp>,
    /// When it is due next.
    pub next: Timestamp,
    /// When this record was made; `None` before the first run.
    pub last_updated: Option<Timestamp>,
}

/// Keeps the records.
#[async_trait]
pub trait TimerStates: Send + Sync + Debug {
    /// The record of this timer, or `None` if it has none that can be read.
    async fn load(&self, timer: &str) -> io::Result<Option<ScheduleStatus>>;

    async fn save(&self, timer: &str, status: &ScheduleStatus) -> io::Result<()>;
}

/// A folder with a JSON file per timer. It is made when it is first written to.
#[derive(Debug, Clone)]
pub struct TimerFolder(pub PathBuf);

#[async_trait]
impl TimerStates for TimerFolder {
    async fn load(&self, timer: &str) -> io::Result<Option<ScheduleStatus>> {
        match fs::read(self.0.join(format!("{timer}.json"))) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().and_then(|json| ScheduleStatus::from_json(&json))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn save(&self, timer: &str, status: &ScheduleStatus) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        // Renamed into place, so that a host that is killed here leaves no half a record.
        let unfinished = self.0.join(format!("{timer}.json.new"));
        fs::write(&unfinished, status.to_json().to_string())?;
        fs::rename(unfinished, self.0.join(format!("{timer}.json")))
    }
}

impl ScheduleStatus {
    /// As the handler is told, and as it is stored (azure-functions-host 4.1037, seen).
    pub(super) fn to_json(&self) -> Value {
        json!({
            "Last": text_forms::local_time(self.last),
            "Next": text_forms::local_time(Some(self.next)),
            "LastUpdated": text_forms::local_time(self.last_updated),
        })
    }

    fn from_json(json: &Value) -> Option<Self> {
        let at = |name| json.get(name)?.as_str()?.parse::<Timestamp>().ok();
        // .NET's smallest time stands for none.
        let some = |at: Timestamp| (at.as_second() > text_forms::NEVER_BEFORE).then_some(at);
        Some(Self { last: some(at("Last")?), next: at("Next")?, last_updated: some(at("LastUpdated")?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_comes_back_as_it_was_saved() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let states = TimerFolder(folder.path().join("timers"));
        assert_eq!(states.load("Tick").await?, None);
        for last in [None, "2026-11-22T20:47:00.0071218Z".parse().ok()] {
            let status = ScheduleStatus { last, next: Timestamp::UNIX_EPOCH, last_updated: last };
            states.save("Tick", &status).await?;
            assert_eq!(states.load("Tick").await?, Some(status));
        }
        Ok(())
    }

    #[test]
    fn a_timer_that_never_ran_shows_dotnets_smallest_time() {
        let json = ScheduleStatus { last: None, next: Timestamp::UNIX_EPOCH, last_updated: None }.to_json();
        assert_eq!(json["Last"], "0001-01-01T00:00:00+00:00");
        assert_eq!(json["LastUpdated"], json["Last"]);
    }
}
