//! Reconcile against an InEvent stand-in and a Dataverse sandbox, over HTTP: whatever webhooks lost, the CRM ends as InEvent has it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod life;
mod lists;
mod world;
