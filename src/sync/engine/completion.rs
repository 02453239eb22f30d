//! Marketing lists that could not be kept with the batch: who is noted is looked at again.

use std::collections::BTreeSet;

use super::{Engine, SWEPT, Stop, pace::own_event};
use crate::{
    dataverse::Failure,
    sync::{
        lists::{self, Noted},
        rules::Rules,
    },
};

impl Engine {
    /// Looks again at those for whom a list was not kept: it took nobody, or the process died on the way. Returns how many were
    /// put on lists and taken off.
    ///
    /// # Errors
    /// As when a batch is written, in a word.
    pub async fn complete_lists(&self) -> Result<(usize, usize), &'static str> {
        let completed = self.complete().await;
        completed.map_err(|stop| match stop {
            Stop::Failed(Failure::Held(_)) | Stop::Held(_) => "held",
            Stop::Failed(_) => "Dataverse failed",
            Stop::Paced(_) => "paced",
            Stop::Store => "the store failed",
        })
    }

    async fn complete(&self) -> Result<(usize, usize), Stop> {
        if self.lists.is_none() {
            return Ok((0, 0));
        }
        let (mut done, mut next) = ((0, 0), None);
        // Lists that took nobody, and those that people of an event wait for whose pace allows no more.
        let (mut refused, mut untried) = (BTreeSet::new(), BTreeSet::new());
        let mut context = None;
        loop {
            let (noted, more) = lists::noted(&*self.store, next.as_deref()).await?;
            let now = (self.clock)();
            let mut due: Vec<Noted> = noted.into_iter().filter(|note| note.is_due(now)).collect();
            if !due.is_empty() {
                let context = match &context {
                    Some(context) => context,
                    None => context.insert(self.context().await?),
                };
                due.sort_by(|one, other| own(one, &context.rules).cmp(&own(other, &context.rules)));
                for notes in due.chunk_by(|one, other| own(one, &context.rules) == own(other, &context.rules)) {
                    let Ok(engine) = self.at_pace_of(notes.iter().flat_map(Noted::events), &context.rules) else {
                        untried.extend(notes.iter().filter_map(|note| note.list));
                        continue;
                    };
                    let Some(kept) = &engine.lists else { continue };
                    for notes in notes.chunks(SWEPT) {
                        let open = |note: &&Noted| note.list.is_none_or(|list| !refused.contains(&list));
                        let notes: Vec<&Noted> = notes.iter().filter(open).collect();
                        let participants = notes.iter().flat_map(|note| note.participants.iter().cloned()).collect();
                        if notes.is_empty() {
                            continue;
                        }
                        let rows = engine.rows_of(&participants, context).await?;
                        let result = kept.keep(&rows, &context.rules, true, now).await?;
                        done = (done.0 + result.added, done.1 + result.removed);
                        refused.extend(result.refused);
                        for note in notes {
                            if !note.participants.iter().all(|participant| result.waiting.contains(participant)) {
                                lists::strike(&*self.store, note).await?;
                            }
                        }
                    }
                }
            }
            next = more;
            if next.is_none() {
                break;
            }
        }
        // Whoever else waits for a list was just tried with it.
        for trouble in lists::troubles(&*self.store).await? {
            if !refused.contains(&trouble.list) && !untried.contains(&trouble.list) {
                lists::mended(&*self.store, trouble.list).await?;
            }
        }
        Ok(done)
    }
}

/// The event that a note is about, where that has a pace of its own.
fn own<'a>(note: &'a Noted, rules: &Rules) -> Option<&'a str> {
    own_event(note.events(), rules)
}
