//! Sockets: accepting connections, and taking each request to the room that answers it.

mod connection;
mod headers;
mod listener;
mod route;

pub(crate) use listener::Listeners;
