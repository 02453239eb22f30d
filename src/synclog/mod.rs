//! The sync log: what became of every statement, webhook, look and invitation, for people who ask later. Nothing depends on it: it is
//! written down beside the work, never waited for, and lost where a process dies in the same moment.
//!
//! It holds ids, codes and counts; no address, no name, no value. In the store a record holds what was noted together of one event
//! on one day, under that day and event, the newest first; a record beside it says which days and events there are. So a
//! search looks only where there may be something, and what is past its time is found without looking at anything else.

mod entry;
mod keep;
mod place;
mod search;

pub use entry::{Entry, Step, Verdict};
pub use keep::{SyncLog, erase, prune};
pub use search::{Query, search};
