//! Several writing processes share what one organisation bears.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used)]

mod clients;
mod processes;
