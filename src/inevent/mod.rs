//! InEvent: its API, and what its webhooks say. It becomes events of `model`; Dataverse is not known here.
//!
//! `docs/inevent.md` says what is known of InEvent, and what is assumed.

pub mod activities;
pub mod applicants;
pub mod attendance;
mod client;
pub mod decode;
mod error;
pub mod events;
pub mod invitations;
pub mod lists;
mod pace;
mod paging;
pub mod people;
pub mod questions;
pub mod registration;
mod row;
pub mod scores;
pub mod shown;
pub mod tags;
mod token;
pub mod translate;
pub mod webhooks;

pub use client::{Answer, Client, ClientOptions};
pub use error::Error;
pub use pace::{Pacer, Permit, Priority, Terms};
pub use paging::{Listing, Pages};
pub use row::Row;
pub use token::{CachedSecret, Token};
