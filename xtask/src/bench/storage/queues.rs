//! Storage queues in memory, for as many messages as Azure takes: Azurite's time for each grows with the messages that wait.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::super::http::{self, Message};
use super::answer;

const DATE: &str = "Tue, 12 May 2026 09:00:00 GMT";

/// The queue service of one account, as far as host and handler use it. Signatures are not looked at.
pub struct Queues {
    pub port: u16,
}

/// The messages of one queue.
#[derive(Default)]
struct Queue {
    next: u64,
    kept: HashMap<u64, Kept>,
    ready: VecDeque<u64>,
    /// Those that nobody sees, by when they are seen again.
    hidden: BTreeSet<(Instant, u64)>,
}

struct Kept {
    /// As it came: escaped for XML.
    text: String,
    dequeued: u64,
    hidden_until: Option<Instant>,
}

impl Queues {
    pub fn start() -> Result<Queues> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot start the queues")?;
        let port = listener.local_addr().context("cannot start the queues")?.port();
        let queues: Arc<Mutex<HashMap<String, Queue>>> = Arc::default();
        http::serve(listener, move |request| {
            let mut queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
            respond(&mut queues, request, Instant::now())
        });
        Ok(Queues { port })
    }
}

/// `/account/queue`, `/account/queue/messages` and `/account/queue/messages/id`.
fn respond(queues: &mut HashMap<String, Queue>, request: &Message, now: Instant) -> Vec<u8> {
    let (method, path) = request.method_and_path();
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let seconds = |name: &str| Duration::from_secs(request.query(name).and_then(|text| text.parse().ok()).unwrap_or(0));
    let Some(name) = parts.first() else { return answer("404 Not Found", "", "") };
    if parts.len() == 1 && method == "PUT" {
        queues.entry((*name).to_owned()).or_default();
        return answer("201 Created", "", "");
    }
    let Some(queue) = queues.get_mut(*name) else { return missing("QueueNotFound") };
    match (method, parts.as_slice()) {
        ("POST", [_, "messages"]) => {
            let id = queue.put(text(&request.body), now + seconds("visibilitytimeout"), now);
            answer("201 Created", "", &list([message(id, 0, "")]))
        }
        ("GET", [_, "messages"]) => {
            let most = request.query("numofmessages").and_then(|text| text.parse().ok()).unwrap_or(1);
            let found = queue.receive(most, now + seconds("visibilitytimeout"), now);
            answer("200 OK", "", &list(found))
        }
        ("DELETE" | "PUT", [_, "messages", id]) => {
            let (id, receipt) = (id.parse().unwrap_or(u64::MAX), request.query("popreceipt").unwrap_or_default());
            let Some(kept) = queue.kept.get(&id).filter(|kept| kept.dequeued.to_string() == receipt) else {
                return missing("MessageNotFound");
            };
            if let Some(until) = kept.hidden_until {
                queue.hidden.remove(&(until, id));
            }
            if method == "DELETE" {
                queue.kept.remove(&id);
                return answer("204 No Content", "", "");
            }
            queue.hide(id, now + seconds("visibilitytimeout"));
            answer("204 No Content", &format!("x-ms-popreceipt: {receipt}\r\nx-ms-time-next-visible: {DATE}\r\n"), "")
        }
        ("GET", [_]) => {
            let count = queue.kept.len();
            answer("200 OK", &format!("x-ms-approximate-messages-count: {count}\r\n"), "")
        }
        _ => missing("ResourceNotFound"),
    }
}

impl Queue {
    fn put(&mut self, text: String, visible: Instant, now: Instant) -> u64 {
        let id = self.next;
        self.next += 1;
        self.kept.insert(id, Kept { text, dequeued: 0, hidden_until: None });
        if visible > now {
            self.hide(id, visible)
        } else {
            self.ready.push_back(id)
        }
        id
    }

    fn hide(&mut self, id: u64, until: Instant) {
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.hidden_until = Some(until);
            self.hidden.insert((until, id));
        }
    }

    fn receive(&mut self, most: usize, until: Instant, now: Instant) -> Vec<String> {
        while let Some(seen) = self.hidden.first().copied().filter(|(seen, _)| *seen <= now) {
            self.hidden.remove(&seen);
            self.ready.push_back(seen.1);
        }
        let mut found = Vec::new();
        while found.len() < most
            && let Some(id) = self.ready.pop_front()
        {
            let Some(kept) = self.kept.get_mut(&id) else { continue };
            kept.dequeued += 1;
            found.push(message(
                id,
                kept.dequeued,
                &format!("<DequeueCount>{}</DequeueCount><MessageText>{}</MessageText>", kept.dequeued, kept.text),
            ));
            self.hide(id, until);
        }
        found
    }
}

/// The receipt is how often the message was received.
fn message(id: u64, receipt: u64, more: &str) -> String {
    format!(
        "<QueueMessage><MessageId>{id}</MessageId><InsertionTime>{DATE}</InsertionTime>\
         <ExpirationTime>Fri, 31 Dec 9999 23:59:59 GMT</ExpirationTime><PopReceipt>{receipt}</PopReceipt>\
         <TimeNextVisible>{DATE}</TimeNextVisible>{more}</QueueMessage>"
    )
}

fn list(messages: impl IntoIterator<Item = String>) -> String {
    let messages: String = messages.into_iter().collect();
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><QueueMessagesList>{messages}</QueueMessagesList>")
}

fn missing(code: &str) -> Vec<u8> {
    answer("404 Not Found", &format!("x-ms-error-code: {code}\r\n"), "")
}

/// What stands between the tags, still escaped.
fn text(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let text = body.split_once("<MessageText>").and_then(|(_, rest)| rest.rsplit_once("</MessageText>"));
    text.map_or("", |(text, _)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::http::Connection;
    use super::*;

    #[test]
    fn a_message_is_seen_once_until_it_comes_back_or_is_deleted() {
        let queues = Queues::start().unwrap();
        let mut connection = Connection::open(queues.port).unwrap();
        let mut ask = |method: &str, target: &str, body: &str| {
            let answer = connection.exchange(method, &format!("/account/q{target}"), "", body.as_bytes()).unwrap();
            (answer.status().unwrap(), String::from_utf8(answer.body).unwrap())
        };
        let body = "<QueueMessage><MessageText>a &amp; b</MessageText></QueueMessage>";
        assert_eq!(ask("POST", "/messages", body).0, 404);
        assert_eq!(ask("PUT", "", "").0, 201);
        assert_eq!(ask("POST", "/messages?visibilitytimeout=0", body).0, 201);
        let (status, found) = ask("GET", "/messages?numofmessages=32&visibilitytimeout=0", "");
        assert!(status == 200 && found.contains("<MessageText>a &amp; b</MessageText>"), "{found}");
        let (_, found) = ask("GET", "/messages?visibilitytimeout=600", "");
        assert!(found.contains("<DequeueCount>2</DequeueCount>"), "{found}");
        assert!(!ask("GET", "/messages", "").1.contains("<MessageText>"));
        assert_eq!(ask("DELETE", "/messages/0?popreceipt=1", "").0, 404);
        assert_eq!(ask("PUT", "/messages/0?popreceipt=2&visibilitytimeout=600", "").0, 204);
        assert_eq!(ask("DELETE", "/messages/0?popreceipt=2", "").0, 204);
        assert_eq!(ask("DELETE", "/messages/0?popreceipt=2", "").0, 404);
    }
}
