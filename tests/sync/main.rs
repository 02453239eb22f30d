//! The engine over HTTP: what it makes of events in a CRM where people work too.
//!
//! The CRM is the Dataverse sandbox, the store a SQLite file; no host and no queue stand between.

#![allow(clippy::unwrap_used, clippy::panic)]

mod corrections;
mod current;
mod decisions;
mod failures;
mod headers;
mod identity;
mod keys;
mod mapping;
mod overrides;
mod pace;
mod prefix;
mod world;
