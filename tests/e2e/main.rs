//! End to end: the built binary as a child of the local host, Azurite for storage, the sandbox for Dynamics.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../peers/azurite.rs"]
mod azurite;

mod activities;
#[cfg(unix)]
mod azure;
mod bad_input;
mod crm;
#[cfg(unix)]
mod deployed;
mod desk;
mod expectation;
mod failures;
mod lists;
mod parked;
mod prefix;
#[cfg(unix)]
mod private;
mod promptness;
#[allow(dead_code)]
#[path = "../telemetry/proxy.rs"]
mod proxy;
mod recorded_stream;
mod settings;
mod web_api;
mod world;
mod writing;
