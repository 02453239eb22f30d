//! How many rows one call carries: half as many after a call that took too long, and more again while calls come through.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of the next bulk, between 1 and a most.
#[derive(Debug)]
pub struct BulkSize {
    now: AtomicUsize,
    most: usize,
}

impl BulkSize {
    pub const fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(most), most }
    }

    /// The rows of the next bulk.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Cuts rows into as few bulks as the size allows, evenly filled.
    pub fn bulks<'a, T>(&self, rows: &'a [T]) -> std::slice::Chunks<'a, T> {
        let bulks = rows.len().div_ceil(self.now()).max(1);
        rows.chunks(rows.len().div_ceil(bulks).max(1))
    }

    /// A bulk of this many rows came through. Only one that was about as large as it may be says that more is possible.
    pub fn came_through(&self, rows: usize) {
        let grown = |now: usize| (rows * 2 > now && now < self.most).then(|| (now + now / 4 + 1).min(self.most));
        let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown);
    }

    /// A bulk of this many rows took too long.
    pub fn timed_out(&self, rows: usize) {
        self.now.fetch_min((rows / 2).max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_on_a_time_out_and_grows_again_only_by_full_bulks() {
        let size = BulkSize::new(250);
        size.timed_out(250);
        size.timed_out(250);
        assert_eq!(size.now(), 125);
        size.timed_out(125);
        assert_eq!(size.now(), 62);
        size.came_through(10);
        assert_eq!(size.now(), 62);
        (0..20).for_each(|_| size.came_through(size.now()));
        assert_eq!(size.now(), 250);
        size.timed_out(1);
        assert_eq!(size.now(), 1);
        size.came_through(1);
        assert_eq!(size.now(), 2);
    }

    #[test]
    fn bulks_are_even() {
        let sizes =
            |rows: usize| -> Vec<usize> { BulkSize::new(250).bulks(&vec![0; rows]).map(<[i32]>::len).collect() };
        assert_eq!(sizes(251), [126, 125]);
        assert_eq!(sizes(250), [250]);
        assert_eq!(sizes(0), [0; 0]);
    }
}
