//! What InEvent knows, compared with the rows that were written, becomes events on the queue: what webhooks don't announce or lose.
//!
//! [`schedule`] says when an event is looked at, [`pass`] looks, [`difference`] decides what is news, [`cursor`] remembers. Nothing here
//! writes to Dataverse, and a pass that is made twice costs reads only.

pub mod cursor;
pub mod difference;
pub mod jobs;
pub mod known;
pub mod outlet;
pub mod pass;
pub mod round;
pub mod schedule;
pub mod statements;
mod work;
