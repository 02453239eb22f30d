//! What cannot be written: events that Dataverse refuses, messages that nobody can read, events that brought the handler down.
//! Each is kept with the reason until somebody replays or drops it, or its time is over.

mod list;
mod record;
pub mod replay;

pub use list::{FindError, Page, Pages, Selection, count, find};
pub use record::{Entry, Found, Kind, Original, Parked, park};
