//! InEvent's side: its API over HTTP, its webhooks through the functions' routes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod client;
mod turns;
