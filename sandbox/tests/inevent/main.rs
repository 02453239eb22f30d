//! The InEvent stand-in over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod calls;
mod faults;
mod invitations;
mod life;
mod listing;
mod receiver;
mod scores;
mod webhooks;
mod world;
