//! The local host against recorded exchanges of the real one, and behaviour by behaviour.

#![allow(clippy::unwrap_used)]

mod app;
mod client;
mod clock;
mod handler;
mod http;
mod life;
mod masks;
mod queues;
mod start;
mod storage;
mod timers;
mod vectors;
