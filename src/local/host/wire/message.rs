//! Requests and responses as values.

use super::{known::response_name, stream::WireError};

/// The most headers a message may have.
const MAX_HEADERS: usize = 128;

/// Headers in order, with their case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Headers(pub(in super::super) Vec<(String, String)>);

/// A request a client made.
#[derive(Debug, Clone)]
pub(in super::super) struct Request {
    pub(in super::super) method: String,
    /// Path and query as sent.
    pub(in super::super) target: String,
    pub(in super::super) headers: Headers,
    pub(in super::super) body: Vec<u8>,
}

/// A request to the handler.
#[derive(Debug)]
pub(in super::super) struct Outgoing {
    pub(in super::super) method: String,
    pub(in super::super) target: String,
    /// Written as they are; framing headers included.
    pub(in super::super) headers: Headers,
    pub(in super::super) body: Body,
}

#[derive(Debug)]
pub(in super::super) enum Body {
    None,
    /// As it is; its length stands in the headers.
    Whole(Vec<u8>),
    /// In one chunk.
    Chunked(Vec<u8>),
}

/// A response, from the handler or to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Response {
    pub(in super::super) status: u16,
    pub(in super::super) reason: String,
    pub(in super::super) headers: Headers,
    pub(in super::super) body: Vec<u8>,
}

impl Headers {
    /// The first value of this name.
    pub(in super::super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(in super::super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(in super::super) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    pub(in super::super) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    }

    pub(super) fn content_length(&self) -> Result<Option<usize>, WireError> {
        self.get("content-length")
            .map(|value| value.trim().parse().map_err(|_| WireError::Malformed("content-length")))
            .transpose()
    }

    pub(super) fn says_close(&self) -> bool {
        self.get("connection").is_some_and(|value| value.to_ascii_lowercase().contains("close"))
    }

    fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Self(parsed.iter().map(|header| (header.name.to_owned(), text(header.value))).collect())
    }

    fn write(&self, into: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            // A value from a handler's JSON may hold anything; a line break in it must not become a header.
            let value = value.replace(['\r', '\n'], " ");
            into.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        into.extend_from_slice(b"\r\n");
    }
}

impl Request {
    pub(super) fn parse(head: &[u8]) -> Result<Self, WireError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(head).map_err(|_| WireError::Malformed("request head"))?;
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(WireError::Malformed("request line"));
        };
        Ok(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::from_parsed(request.headers),
            body: Vec::new(),
        })
    }

    pub(in super::super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Without the question mark; empty when there is none.
    pub(in super::super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether the client said how long its body is, and that it is not empty. The real host passes no other body on
    /// in the described mode.
    pub(in super::super) fn has_counted_body(&self) -> bool {
        !self.headers.is_chunked() && !self.body.is_empty()
    }

    pub(in super::super) fn is_chunked(&self) -> bool {
        self.headers.is_chunked()
    }
}

impl Outgoing {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        self.headers.write(&mut bytes);
        match &self.body {
            Body::None => {}
            Body::Whole(body) => bytes.extend_from_slice(body),
            Body::Chunked(body) => write_chunked(body, &mut bytes),
        }
        bytes
    }

    pub(super) fn has_body(&self) -> bool {
        match &self.body {
            Body::None => false,
            Body::Whole(body) | Body::Chunked(body) => !body.is_empty(),
        }
    }
}

impl Response {
    pub(super) fn parse(head: &[u8]) -> Result<Self, WireError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(head).map_err(|_| WireError::Malformed("response head"))?;
        Ok(Self {
            status: response.code.ok_or(WireError::Malformed("status line"))?,
            reason: response.reason.unwrap_or_default().to_owned(),
            headers: Headers::from_parsed(response.headers),
            body: Vec::new(),
        })
    }

    /// No body and no content type.
    pub(in super::super) fn empty(status: u16) -> Self {
        let mut headers = Headers::default();
        if status != 204 {
            headers.push("Content-Length", "0");
        }
        Self { status, reason: reason(status).to_owned(), headers, body: Vec::new() }
    }

    pub(super) fn to_bytes(&self, answers_head: bool) -> Vec<u8> {
        let reason = if self.reason.is_empty() { reason(self.status) } else { &self.reason };
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", self.status).into_bytes();
        let headers = self.headers.0.iter().map(|(name, value)| (response_name(name).to_owned(), value.clone()));
        Headers(headers.collect()).write(&mut bytes);
        if !answers_head && !is_bodiless(self.status) {
            if self.headers.is_chunked() {
                write_chunked(&self.body, &mut bytes);
            } else {
                bytes.extend_from_slice(&self.body);
            }
        }
        bytes
    }
}

/// Whether a response of this status has no body whatever its headers say.
pub(super) fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

fn write_chunked(body: &[u8], into: &mut Vec<u8>) {
    if !body.is_empty() {
        into.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        into.extend_from_slice(body);
        into.extend_from_slice(b"\r\n");
    }
    into.extend_from_slice(b"0\r\n\r\n");
}

/// The usual words for a status; empty for an unusual one.
pub(in super::super) fn reason(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}
