//! HTTP/1.1 by hand, both ways.
//!
//! A library would decide about the order and the case of headers and about chunking; a handler must see here what it sees
//! from the real host, so this does no more and no less than was recorded.

mod client;
mod known;
mod message;
mod server;
mod stream;

pub(super) use client::Client;
pub(super) use known::{in_request_order, in_response_order, is_content_header};
pub(super) use message::{Body, Headers, Outgoing, Request, Response, reason};
pub(super) use server::{Respond, serve};
pub(super) use stream::WireError;
