//! Lists, page by page: `limit` up to 100 (20 without it), and `offset`, "the index of the last item on the previous page"
//! (developers.inevent.com, best practices). There is no cursor, so rows may move while a list is read.
//!
//! Pages overlap by some rows, rows are known by their id, and a list is over when a page brings nothing new.

use std::collections::HashSet;

use super::{Client, Error, Row};
use crate::model::SourceTime;

/// The most rows of a page.
pub const LIMIT: usize = 100;
/// What a page holds where `limit` is not heeded: a shorter one is the last.
const DEFAULT_LIMIT: usize = 20;
/// How many rows of a page are asked for again with the next: so many may go away meanwhile without hiding another.
const OVERLAP: usize = 10;

/// Reads one list.
#[derive(Debug)]
pub struct Pages {
    client: Client,
    action: &'static str,
    query: Vec<(&'static str, String)>,
    /// The fields that may hold a row's id.
    ids: &'static [&'static str],
    progress: Progress,
    date: Option<SourceTime>,
}

/// A list that was read to its end.
#[derive(Debug, Clone, Default)]
pub struct Listing<T> {
    pub items: Vec<T>,
    /// Whether nothing spoke against it being the whole list: every page joined the one before, and no more rows were counted than
    /// came. Whoever concludes something from what is missing asks this first.
    pub complete: bool,
    /// When InEvent began to list them, by its own clock.
    pub date: Option<SourceTime>,
}

impl<T> Listing<T> {
    /// What is made of the items; one that nothing can be made of makes the list incomplete.
    pub(super) fn filter_map<U>(self, make: impl FnMut(T) -> Option<U>) -> Listing<U> {
        let before = self.items.len();
        let items: Vec<U> = self.items.into_iter().filter_map(make).collect();
        Listing { complete: self.complete && items.len() == before, items, date: self.date }
    }
}

impl Pages {
    pub(super) fn of(
        client: &Client,
        action: &'static str,
        query: &[(&'static str, &str)],
        ids: &'static [&'static str],
    ) -> Self {
        let query = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { client: client.clone(), action, query, ids, progress: Progress::default(), date: None }
    }

    /// The same from a later row on. Such a list is never complete.
    pub fn from(mut self, offset: usize) -> Self {
        (self.progress.offset, self.progress.doubtful) = (offset, offset > 0);
        self
    }

    /// Where the next page begins.
    pub fn offset(&self) -> usize {
        self.progress.offset
    }

    /// The rows of the next page that were not seen before; `None` at the end.
    ///
    /// # Errors
    /// When the page could not be read; it can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if self.progress.ended {
            return Ok(None);
        }
        let (limit, offset) = (LIMIT.to_string(), self.progress.offset.to_string());
        let mut query: Vec<(&str, &str)> = self.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query.extend([("limit", limit.as_str()), ("offset", offset.as_str())]);
        let answer = self.client.read(self.action, &query, &[]).await?;
        self.date = self.date.or(answer.date);
        let ids = self.ids;
        Ok(Some(self.progress.take(answer.data, answer.count, |row| row.id(ids))))
    }

    /// Whether nothing speaks against everything having been listed, once there is no next page.
    pub fn is_complete(&self) -> bool {
        self.progress.is_complete()
    }

    /// When InEvent gave the first page.
    pub fn date(&self) -> Option<SourceTime> {
        self.date
    }

    /// Reads to the end.
    pub async fn all(mut self) -> Result<Listing<Row>, Error> {
        let mut items = Vec::new();
        while let Some(mut rows) = self.next().await? {
            items.append(&mut rows);
        }
        Ok(Listing { items, complete: self.is_complete(), date: self.date })
    }
}

/// How far the list was read.
#[derive(Debug, Default)]
struct Progress {
    offset: usize,
    seen: HashSet<String>,
    /// The id of the first row.
    first: Option<String>,
    /// The largest `count` that was told.
    counted: u64,
    ended: bool,
    /// Something does not fit: rows may be missing.
    doubtful: bool,
}

impl Progress {
    fn take(&mut self, rows: Vec<Row>, count: Option<u64>, id: impl Fn(&Row) -> Option<String>) -> Vec<Row> {
        let (got, before) = (rows.len(), self.seen.len());
        self.counted = self.counted.max(count.unwrap_or_default());
        let (mut fresh, mut known) = (Vec::with_capacity(got), 0);
        for (index, row) in rows.into_iter().enumerate() {
            let Some(id) = id(&row) else {
                self.doubtful = true;
                continue;
            };
            if index == 0 && self.offset > 0 {
                // An offset that is not heeded gives the first page for ever.
                self.doubtful |= self.first.as_ref() == Some(&id);
            } else if index == 0 {
                self.first = Some(id.clone());
            }
            match self.seen.insert(id) {
                true => fresh.push(row),
                false => known += 1,
            }
        }
        // So many rows went away that the pages no longer join.
        self.doubtful |= self.offset > 0 && got > 0 && known == 0;
        let more_counted = self.counted > self.seen.len() as u64;
        self.ended = got == 0 || self.seen.len() == before || (got < DEFAULT_LIMIT && !more_counted);
        self.offset += got.saturating_sub(OVERLAP).max(1);
        fresh
    }

    fn is_complete(&self) -> bool {
        self.ended && !self.doubtful && self.counted <= self.seen.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row(id: usize) -> Row {
        Row::try_from(json!({ "personID": id.to_string() })).unwrap()
    }

    /// Reads a list that may change between pages: `list` gives it at the time of each call.
    fn read(mut list: impl FnMut(usize) -> Vec<usize>, limit: usize, total: bool) -> (Vec<usize>, bool, usize) {
        let (mut progress, mut got, mut calls) = (Progress::default(), Vec::new(), 0);
        while !progress.ended {
            let all = list(calls);
            calls += 1;
            let page: Vec<Row> = all.iter().skip(progress.offset).take(limit).map(|id| row(*id)).collect();
            let count = if total { all.len() } else { page.len() } as u64;
            got.extend(
                progress
                    .take(page, Some(count), |row| row.id(&["personID"]))
                    .iter()
                    .map(|row| row.text(&["personID"]).unwrap().parse::<usize>().unwrap()),
            );
            assert!(calls < 1_000, "no end");
        }
        (got, progress.is_complete(), calls)
    }

    #[test]
    fn small_lists_take_one_call_and_long_ones_a_page_each() {
        for (rows, limit, calls) in
            [(0, 100, 1), (19, 100, 1), (20, 100, 2), (100, 100, 2), (1_000, 100, 12), (95, 20, 9)]
        {
            let (got, complete, made) = read(|_| (1..=rows).collect(), limit, false);
            assert_eq!((got.len(), complete, made), (rows, true, calls), "{rows} rows by {limit}");
        }
    }

    #[test]
    fn an_offset_that_is_not_heeded_is_noticed() {
        let (mut progress, page) = (Progress::default(), || (1..=100).map(row).collect::<Vec<_>>());
        progress.take(page(), None, |row| row.id(&["personID"]));
        progress.take(page(), None, |row| row.id(&["personID"]));
        assert!(progress.ended && !progress.is_complete());
    }

    #[test]
    fn rows_that_were_counted_and_did_not_come_are_missed() {
        let (mut progress, id) = (Progress::default(), |row: &Row| row.id(&["personID"]));
        assert_eq!(progress.take((1..=5).map(row).collect(), Some(9), id).len(), 5);
        assert!(!progress.ended);
        progress.take(Vec::new(), Some(9), id);
        assert!(progress.ended && !progress.is_complete());
    }

    proptest! {
        /// Rows come and go anywhere while the list is read. Who is there from beginning to end is listed, unless the list says that
        /// it may be incomplete; and nobody twice.
        #[test]
        fn who_stays_is_listed(
            rows in 0_usize..400, total: bool,
            changes in prop::collection::vec((0_usize..12, 0_usize..500, 0_usize..40), 0..12),
        ) {
            let mut list: Vec<usize> = (1..=rows).collect();
            let mut gone = HashSet::new();
            let (got, complete, _) = read(|call| {
                for (_, at, many) in changes.iter().filter(|(when, ..)| *when == call && call > 0) {
                    if at % 2 == 0 {
                        let from = (*at).min(list.len());
                        gone.extend(list.drain(from..(from + many % 11).min(list.len())));
                    } else {
                        let from = (*at).min(list.len());
                        list.splice(from..from, (0..*many).map(|n| 10_000 * (call + 1) + 500 * at + n));
                    }
                }
                list.clone()
            }, 100, total);
            let unique: HashSet<usize> = got.iter().copied().collect();
            prop_assert_eq!(unique.len(), got.len());
            if complete {
                for id in (1..=rows).filter(|id| !gone.contains(id)) {
                    prop_assert!(unique.contains(&id), "{} is missing", id);
                }
            }
        }
    }
}
