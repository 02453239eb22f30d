//! A storage account that says yes and keeps nothing, so that the handler's own speed is seen.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

use super::super::http::{self, Message};
use super::{answer as storage_answer, connection_string};

/// The answer to Put Message, as documented; every message gets the same id, which no one here looks at.
const PUT_MESSAGE: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><QueueMessagesList><QueueMessage>\
    <MessageId>5974b586-0df3-4e2d-ad0c-18e3892bfca2</MessageId>\
    <InsertionTime>Tue, 12 May 2026 09:00:00 GMT</InsertionTime>\
    <ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime>\
    <PopReceipt>YzQ4Yzg1MDItYTc0Ny00OWNjLTkxYTUtZGM0MDFiZDAwYzEw</PopReceipt>\
    <TimeNextVisible>Tue, 12 May 2026 09:00:00 GMT</TimeNextVisible>\
    </QueueMessage></QueueMessagesList>";

pub struct StandIn {
    port: u16,
    messages: Arc<AtomicU64>,
}

impl StandIn {
    pub fn start() -> Result<StandIn> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot start the stand-in queue")?;
        let port = listener.local_addr().context("cannot start the stand-in queue")?.port();
        let messages = Arc::new(AtomicU64::new(0));
        let count = messages.clone();
        http::serve(listener, move |request| {
            let (answer, is_message) = answer(request);
            count.fetch_add(u64::from(is_message), Ordering::Relaxed);
            answer
        });
        Ok(StandIn { port, messages })
    }

    pub fn connection_string(&self) -> String {
        connection_string(self.port, self.port, self.port)
    }

    /// How many messages were put into queues so far.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }
}

/// The answer, and whether it is one to a message that was put.
fn answer(request: &Message) -> (Vec<u8>, bool) {
    let (method, path) = request.method_and_path();
    let is_message = method == "POST" && path.ends_with("/messages");
    let (status, body) = match method {
        "POST" if is_message => ("201 Created", PUT_MESSAGE),
        // Queues, containers and blobs are made; nothing is ever found.
        "PUT" => ("201 Created", ""),
        "POST" | "DELETE" | "MERGE" => ("204 No Content", ""),
        _ => ("404 Not Found", ""),
    };
    (storage_answer(status, "", body), is_message)
}

#[cfg(test)]
mod tests {
    use super::super::super::http::Connection;
    use super::*;

    #[test]
    fn messages_are_answered_and_counted() {
        let stand_in = StandIn::start().unwrap();
        let mut connection = Connection::open(stand_in.port).unwrap();
        for (method, target, status) in [
            ("PUT", "/devstoreaccount1/inevent-events", 201),
            ("POST", "/devstoreaccount1/inevent-events/messages?messagettl=-1", 201),
            ("POST", "/devstoreaccount1/inevent-events/messages", 201),
            ("GET", "/devstoreaccount1/settings()", 404),
        ] {
            let answer = connection.exchange(method, target, "", b"<QueueMessage/>").unwrap();
            assert_eq!(answer.status(), Some(status), "{method} {target}");
        }
        assert_eq!(stand_in.messages(), 2);
    }
}
