//! One round of the timer: the events that are due, one after the other, as far as the time allows.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;

use super::{
    cursor::{self, Cursor, UnderWay},
    known::Known,
    outlet::Outlet,
    pass::{Broken, Pass, Passed},
    schedule::{self, Look},
};
use crate::{
    dataverse,
    inevent::{self, Error, Priority, translate},
    model::Occasion,
    settings::document::{Document, EventSettings},
    store::{Store, StoreError},
    sync::rows::ActivityTable,
};

/// What rounds work with.
pub struct Reconciler {
    pub inevent: inevent::Client,
    pub dataverse: Arc<dataverse::Client>,
    pub store: Arc<dyn Store>,
    pub outlet: Arc<dyn Outlet>,
}

/// Why an event was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum NotLooked {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows that are there could not be read.
    #[error("Dataverse does not give the rows of the event")]
    Rows,
}

impl NotLooked {
    /// Whether every other event would meet it, too: what must be mended first, a token that is busy, storage that does not answer.
    pub(super) fn concerns_all(&self) -> bool {
        match self {
            Self::Broken(Broken::InEvent(error)) => {
                error.remedy().is_some() || matches!(error, Error::RateLimited { .. } | Error::Busy)
            }
            Self::Broken(Broken::NotPut(_)) | Self::Store(_) => true,
            Self::Broken(Broken::NoDate) | Self::Rows => false,
        }
    }
}

impl From<Error> for NotLooked {
    fn from(error: Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Which looks a round took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    pub events: usize,
    pub looked: usize,
    pub sent: u64,
    /// Events that were due, and of which InEvent or Dataverse did not tell everything: the next round tries again.
    pub failed: usize,
    /// The time was up before every event that was due was looked at.
    pub broken_off: bool,
    /// The events that were looked at, and how many statements followed; `None` where the look failed.
    pub looks: Vec<(String, Option<u64>)>,
}

impl Reconciler {
    /// Looks at the events that are due. `table` gives the activity table of an event.
    ///
    /// # Errors
    /// When InEvent does not list its events, or for a reason that every event would meet. An event that fails takes no other along.
    pub async fn round(
        &self,
        document: &Document,
        table: impl Fn(&str) -> ActivityTable,
        now: impl Fn() -> Timestamp,
        until: Instant,
    ) -> Result<Round, NotLooked> {
        let events = self.inevent.at(Priority::Backfill).events("all").await?;
        let mut round = Round { events: events.items.len(), ..Round::default() };
        for event in &events.items {
            let (occasion, settings) = (translate::event_occasion(event), document.effective(&event.id));
            if !settings.sync || !settings.reconcile.enabled {
                continue;
            }
            let cursor = cursor::load(&*self.store, &event.id).await?;
            let under_way = cursor.under_way.as_ref().map(|under_way| under_way.look);
            let Some(look) = under_way.or_else(|| schedule::due(&occasion, &cursor, &settings.reconcile, now())) else {
                continue;
            };
            if Instant::now() >= until {
                round.broken_off = true;
                break;
            }
            match self.look(&occasion, &settings, cursor, look, table(&event.id), &now, until).await {
                Ok(passed) => {
                    round.looked += 1;
                    round.sent += passed.sent;
                    round.looks.push((event.id.clone(), Some(passed.sent)));
                }
                Err(error) if error.concerns_all() => return Err(error),
                Err(error) => {
                    tracing::warn!(event = event.id, %error, "the event was not reconciled; the next round tries again");
                    round.failed += 1;
                    round.looks.push((event.id.clone(), None));
                }
            }
        }
        Ok(round)
    }

    /// One look, and what is remembered of it.
    #[expect(clippy::too_many_arguments, reason = "a look is about one event under one set of settings")]
    async fn look(
        &self,
        event: &Occasion,
        settings: &EventSettings,
        cursor: Cursor,
        look: Look,
        table: ActivityTable,
        now: &impl Fn() -> Timestamp,
        until: Instant,
    ) -> Result<Passed, NotLooked> {
        let (began, begun) = (Instant::now(), now());
        let tried = Cursor { tried: Some(begun), ..cursor.clone() };
        cursor::save(&*self.store, &event.id, &tried).await?;
        let known = Known::load(&self.dataverse, table, &event.id).await.map_err(|_| NotLooked::Rows)?;
        let priority = if look.since.is_some() { Priority::Live } else { Priority::Backfill };
        let pass = Pass {
            inevent: &self.inevent.at(priority),
            known: &known,
            settings,
            cursor: &cursor,
            outlet: &*self.outlet,
            look,
            trusted: false,
            until,
        };
        let offset = cursor.under_way.as_ref().map_or(0, |under_way| under_way.offset);
        let passed = pass.make(&event.id, offset).await?;
        let took = u32::try_from(began.elapsed().as_secs()).unwrap_or(u32::MAX);
        let after = after(tried, look, &passed, begun, took);
        cursor::save(&*self.store, &event.id, &after).await?;
        tracing::info!(
            target: "outcome",
            event = event.id,
            whole = look.since.is_none(),
            people = passed.people,
            sent = passed.sent,
            closed = passed.closed,
            duration_s = took,
            "event reconciled"
        );
        Ok(passed)
    }
}

/// What is remembered once a look, or a slice of it, is over.
fn after(before: Cursor, look: Look, passed: &Passed, now: Timestamp, took: u32) -> Cursor {
    let mut after = before;
    if passed.gone {
        // Nothing follows: the token may have lost the right to see it.
        after.alarm = Some("InEvent does not know the event any more, or does not show it to this token.".to_owned());
        (after.passed, after.whole, after.under_way) = (Some(now), Some(now), None);
        return after;
    }
    if let Some(tracks) = &passed.tracks {
        after.tracks.clone_from(tracks);
    }
    after.answers_apart = passed.answers_apart.unwrap_or(after.answers_apart);
    if let (Some(offset), Some(begun)) = (passed.offset, passed.begun) {
        let begun = after.under_way.as_ref().map_or(begun, |under_way| under_way.begun);
        after.under_way = Some(UnderWay { look, begun, offset });
        return after;
    }
    let begun = after.under_way.take().map(|under_way| under_way.begun).or(passed.begun);
    after.seen = begun.or(after.seen);
    after.passed = Some(now);
    after.took = took;
    after.sessions.extend(passed.sessions_closed.iter().cloned());
    if look.since.is_none() {
        after.whole = Some(now);
        after.alarm.clone_from(&passed.alarm);
    }
    if passed.closed {
        (after.closed, after.ended) = (true, false);
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceTime;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_pass_in_slices_counts_from_where_it_began() {
        let begun = |second| SourceTime::new(at(second));
        let slice = Passed { begun: begun(5), offset: Some(900), ..Passed::default() };
        let first = after(Cursor::default(), Look::WHOLE, &slice, at(6), 400);
        assert_eq!((first.passed, first.under_way.as_ref().map(|under_way| under_way.offset)), (None, Some(900)));
        let end = Passed { begun: begun(600), closed: true, ..Passed::default() };
        let last = after(Cursor { ended: true, ..first }, Look::WHOLE, &end, at(700), 20);
        assert_eq!((last.seen, last.passed, last.under_way), (begun(5), Some(at(700)), None));
        assert!(last.closed && !last.ended);
    }

    #[test]
    fn an_alarm_stays_until_everybody_was_read_without_one() {
        let alarmed = Passed { begun: SourceTime::new(at(0)), alarm: Some("x".into()), ..Passed::default() };
        let calm = Passed { alarm: None, ..alarmed.clone() };
        let changes = Look { since: SourceTime::new(at(0)), restate: false };
        let cursor = after(Cursor::default(), Look::WHOLE, &alarmed, at(1), 1);
        let cursor = after(cursor, changes, &calm, at(2), 1);
        assert_eq!(cursor.alarm.as_deref(), Some("x"));
        assert_eq!(after(cursor, Look::WHOLE, &calm, at(3), 1).alarm, None);
    }
}
