//! Marketing lists out: participants for whom a rule's condition holds are put on a list.
//!
//! [`decide`](decide::decide) is pure. [`Lists`] brings its decisions about, once a batch has settled: what is to be looked at again is
//! noted first, then the list is changed, then what was done is remembered, and the note goes. A crash in between leaves the note, and
//! the timer looks again. Where a rule also takes off, each call is remembered while it is under way, and a membership counts as
//! settled only when no other call about it was: only then is it known whose call took effect last. A list that takes nobody holds no
//! event: who should be on it is noted, and tried again by the timer.

mod calls;
mod condition;
mod dataverse;
mod decide;
mod keep;
mod members;
mod memory;

pub use dataverse::{DataverseLists, ListRow};
pub use decide::{Ask, Claim, CompiledRule, Membership, Operation, State, asks, decide};
pub use keep::{Kept, Lists};
pub use members::{ListError, ListMembers, ListProblem};
pub use memory::{Noted, Trouble, mended, noted, strike, troubles};
