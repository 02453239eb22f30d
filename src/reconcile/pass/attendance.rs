//! Who was there, and what they scored.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Broken, Going, optional};
use crate::{
    inevent::{
        activities::Activity,
        attendance::{Check, Direction},
        scores::Score,
        translate,
    },
    model::Occasion,
    settings::document::{Level, ScoreSource},
};

impl Going<'_> {
    /// The check-in log, and who is said to be present without standing in it. Says whether the log was whole.
    pub(super) async fn checks(&mut self, event: &str, sessions: &BTreeMap<String, Activity>) -> Result<bool, Broken> {
        let log = optional(self.pass.inevent.checks(event, None).await)?;
        let whole = log.as_ref().is_some_and(|log| log.complete);
        let checks: Vec<Check> = log.map(|log| log.items).unwrap_or_default();
        let with_sessions = self.pass.settings.level == Level::Sessions;
        let mut unknown: BTreeSet<&str> = BTreeSet::new();
        let checks: Vec<&Check> = checks.iter().filter(|check| check.activity.is_none() || with_sessions).collect();
        for check in &checks {
            if !self.profiles.contains_key(&check.person) && !self.pass.known.has(&check.person) {
                unknown.insert(&check.person);
            }
        }
        self.look_up(event, unknown).await?;
        let mut seen: HashSet<&str> = HashSet::new();
        for check in &checks {
            if check.activity.is_none() && check.direction == Direction::In {
                seen.insert(&check.person);
            }
            let session = check.activity.as_ref().map(|id| occasion(sessions, id));
            if let Some(participant) = self.participant(&check.person) {
                self.put(self.speaker.passed(check, session.as_ref(), participant)).await?;
            }
        }
        for id in std::mem::take(&mut self.present) {
            if !seen.contains(id.as_str())
                && let Some(participant) = self.participant(&id)
            {
                self.put(self.speaker.present(participant, self.begun)).await?;
            }
        }
        Ok(whole)
    }

    pub(super) async fn scores(&mut self, event: &str, sessions: &BTreeMap<String, Activity>) -> Result<(), Broken> {
        let inevent = self.pass.inevent;
        let scores = match self.pass.settings.reconcile.score {
            ScoreSource::None => return Ok(()),
            ScoreSource::Points => inevent.leaderboard(event).await,
            ScoreSource::TimeSpent => inevent.time_spent(event).await,
            ScoreSource::Quizzes => inevent.quizzes(event).await,
        };
        let Some(scores) = optional(scores)? else { return Ok(()) };
        let time = scores.date.unwrap_or(self.begun);
        let unit = if self.pass.settings.reconcile.score == ScoreSource::TimeSpent { 60.0 } else { 1.0 };
        let unknown =
            |score: &&Score| !self.profiles.contains_key(&score.person) && !self.pass.known.has(&score.person);
        let unknown: BTreeSet<&str> = scores.items.iter().filter(unknown).map(|score| score.person.as_str()).collect();
        self.look_up(event, unknown).await?;
        let with_sessions = self.pass.settings.level == Level::Sessions;
        for ((person, activity), value) in added_up(&scores.items, with_sessions) {
            let session = activity.map(|id| occasion(sessions, id));
            if let Some(participant) = self.participant(person) {
                let value = (value / unit * 100.0).round() / 100.0;
                self.put(self.speaker.scored(session.as_ref(), participant, value, time)).await?;
            }
        }
        Ok(())
    }
}

fn occasion(sessions: &BTreeMap<String, Activity>, id: &str) -> Occasion {
    sessions.get(id).map_or_else(|| translate::occasion(id, None, None, None), translate::activity_occasion)
}

/// Scores by person and session. What is counted by session counts for the event, too, unless that has scores of its own.
fn added_up(scores: &[Score], with_sessions: bool) -> BTreeMap<(&str, Option<&str>), f64> {
    let mut sums: BTreeMap<(&str, Option<&str>), f64> = BTreeMap::new();
    let own: HashSet<&str> =
        scores.iter().filter(|score| score.activity.is_none()).map(|score| score.person.as_str()).collect();
    for score in scores {
        let (person, activity) = (score.person.as_str(), score.activity.as_deref());
        if activity.is_none() || !own.contains(person) {
            *sums.entry((person, None)).or_default() += score.value;
        }
        if let Some(activity) = activity.filter(|_| with_sessions) {
            *sums.entry((person, Some(activity))).or_default() += score.value;
        }
    }
    sums
}
