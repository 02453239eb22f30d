//! What the connector tells of itself: the built binary as a child of the local host, Azurite, the sandbox, InEvent's stand-in, and a
//! stand-in for the endpoint of Application Insights.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../peers/azurite.rs"]
mod azurite;

mod fields;
mod insights;
mod outages;
mod personal_data;
mod proxy;
mod traces;
mod world;
