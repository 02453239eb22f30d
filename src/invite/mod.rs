//! Marketing lists in: their members are invited to an event by InEvent.
//!
//! [`decide`] says who is invited. [`Inviter`] brings it about: what is about to be sent is remembered first, by whoever is quickest, and
//! what came of it after; whoever finds an invitation of which nobody said what came of it asks InEvent, and where InEvent cannot tell,
//! a person decides. So nobody gets two mails, whatever dies when. `docs/invitations.md` tells it to administrators.

mod asked;
mod decide;
mod fetch_xml;
mod inviter;
mod lists;
mod member;
mod pass;
mod people;
mod record;
mod send;
mod slice;
mod withdraw;

pub use asked::AskError;
pub use decide::{Counts, Decision, Eligible, Skip, Standing, decide};
pub use inviter::{InviteError, Inviter, ListReport, Report, Run, Terms, resolve};
pub use lists::{List, ListTrouble, look};
pub use member::Member;
pub use pass::{Pass, Trouble, all as passes};
pub use record::{How, ID_SHOWN, Invitation, Kept, Link, State, all as invitations, erase, find, of_forgotten};
