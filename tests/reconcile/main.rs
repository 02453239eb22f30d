//! Reconcile against an InEvent stand-in and a Dataverse sandbox, over HTTP: whatever webhooks lost, the CRM ends as InEvent has it.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod fixed_bugs;
mod life;
mod lists;
mod webhooks;
mod world;
