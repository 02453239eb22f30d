//! The vocabulary: what InEvent says, when it said it, and what follows from it for one participant.
//!
//! Nothing here does I/O, knows Dataverse's wire format or reads the clock.

pub mod address;
pub mod attendance;
pub mod event;
pub mod ids;
pub mod presence;
pub mod stamp;
pub mod time;
pub mod validate;

pub use address::Address;
pub use event::{Kind, Occasion, Participant, ParticipantEvent};
pub use time::SourceTime;
