//! From marketing lists to invitations, over HTTP: the Dataverse sandbox on one side, the InEvent stand-in on the other.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod crm;
mod gate;
mod large;
mod lists;
mod loops;
mod members;
mod once;
mod processes;
mod segments;
mod withdrawn;
mod world;
