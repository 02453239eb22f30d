//! From a package and an empty organisation to rows, under the names that everything has in Azure: with each credential, and while a
//! secret is rotated.
//!
//! `INEVENT_PACKAGE` names the folder of an unpacked package; without it the checkout's functions and the binary of the tests are one.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../peers/azurite.rs"]
mod azurite;
mod deployment;
mod full_event;
mod internet;
mod package;
mod rotation;
#[allow(dead_code)]
#[path = "../credentials/vault.rs"]
mod vault;
