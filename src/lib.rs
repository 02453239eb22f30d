//! The connector between InEvent and Microsoft Dynamics 365 / Dataverse.
//!
//! `docs/architecture.md` names the rooms and which may use which.

pub mod azure;
pub mod dataverse;
pub mod forget;
pub mod functions;
pub mod hydrate;
pub mod inevent;
pub mod invite;
pub mod manage;
pub mod model;
pub mod parked;
pub mod queue;
pub mod reconcile;
pub mod settings;
pub mod setup;
pub mod store;
pub mod sync;
pub mod synclog;
pub mod telemetry;

#[cfg(feature = "local")]
pub mod local;
