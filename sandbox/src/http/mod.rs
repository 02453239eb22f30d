//! Sockets: accepting connections, and taking each request to the room that answers it.

mod casing;
mod connection;
mod door;
mod headers;
mod listener;
mod mishap;
mod route;
mod sign_in;

pub(crate) use connection::{Cut, serve_plain};
pub(crate) use listener::{Listeners, accept, bind};
