//! Multipart bodies of `$batch`: reading requests, writing answers. Line ends are CRLF, the last one included; the
//! platform refuses anything else.

use super::{Request, Response};

/// Why a body is no batch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a multipart batch: {0}")]
pub(super) struct Malformed(&'static str);

/// An operation of a batch, with the name that later operations refer to it by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) content_id: Option<String>,
    pub(super) request: Request,
}

/// An element of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    Single(Part),
    /// Operations that succeed or fail together.
    ChangeSet(Vec<Part>),
}

/// The boundary in a `multipart/mixed` content type; quotes are optional.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let mut pieces = content_type.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let bare = value.trim_matches('"');
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// Reads the body of a batch.
pub(super) fn parse(body: &[u8], boundary: &str) -> Result<Vec<Element>, Malformed> {
    let mut elements = Vec::new();
    for part in split(body, boundary, Nesting::Outer)? {
        let (headers, content) = headers(part)?;
        let content_type = find(&headers, "content-type").unwrap_or_default();
        if let Some(inner) = self::boundary(content_type) {
            let mut operations = Vec::new();
            for part in split(content, &inner, Nesting::Inner)? {
                let (headers, content) = self::headers(part)?;
                operations.push(operation(&headers, content)?);
            }
            elements.push(Element::ChangeSet(operations));
        } else {
            elements.push(Element::Single(operation(&headers, content)?));
        }
    }
    Ok(elements)
}

/// Whether a multipart body stands by itself. The line end after the last delimiter of an inner one may belong to the
/// delimiter of the outer one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outer,
    Inner,
}

/// The parts between the delimiters, without the line end that belongs to the delimiter.
fn split<'a>(body: &'a [u8], boundary: &str, nesting: Nesting) -> Result<Vec<&'a [u8]>, Malformed> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(found) = position(&body[at..], &delimiter).map(|offset| at + offset) {
        let after = &body[found + delimiter.len()..];
        let at_line_start = found == 0 || body[..found].ends_with(b"\r\n");
        let closing = after.starts_with(b"--");
        let line_end = if closing { &after[2..] } else { after };
        let ended = line_end.starts_with(b"\r\n") || (closing && nesting == Nesting::Inner && line_end.is_empty());
        if !at_line_start || !ended {
            // Part of the content, unless only the line end is wrong.
            if found == 0 || body[found - 1] == b'\n' {
                return Err(Malformed("lines must end with CRLF"));
            }
            at = found + delimiter.len();
            continue;
        }
        if let Some(start) = start {
            parts.push(body.get(start..found.saturating_sub(2)).unwrap_or_default());
        }
        if closing {
            return Ok(parts);
        }
        at = found + delimiter.len() + 2;
        start = Some(at);
    }
    Err(Malformed("the closing delimiter is missing"))
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

type Headers = Vec<(String, String)>;

fn find<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Header lines up to the empty line, and what follows it.
fn headers(part: &[u8]) -> Result<(Headers, &[u8]), Malformed> {
    let mut headers = Headers::new();
    let mut rest = part;
    loop {
        let Some(end) = position(rest, b"\r\n") else {
            // A part may end with its last header.
            if rest.iter().all(u8::is_ascii_whitespace) {
                return Ok((headers, &[]));
            }
            return Err(Malformed("a header line has no end"));
        };
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| Malformed("a header is no text"))?;
        rest = &rest[end + 2..];
        if line.is_empty() {
            return Ok((headers, rest));
        }
        let (name, value) = line.split_once(':').ok_or(Malformed("a header has no colon"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

/// The HTTP request inside a part.
fn operation(outer: &Headers, content: &[u8]) -> Result<Part, Malformed> {
    let content_type = find(outer, "content-type").unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/http") {
        return Err(Malformed("a part must be application/http"));
    }
    let mut rest = content;
    while let Some(stripped) = rest.strip_prefix(b"\r\n") {
        rest = stripped;
    }
    let end = position(rest, b"\r\n").ok_or(Malformed("the request line has no end"))?;
    let line = std::str::from_utf8(&rest[..end]).map_err(|_| Malformed("the request line is no text"))?;
    let (method, target) = line.split_once(' ').ok_or(Malformed("the request line has no URL"))?;
    let target = target.trim().strip_suffix("HTTP/1.1").ok_or(Malformed("the request line has no version"))?;
    let (headers, body) = headers(&rest[end + 2..])?;
    let request =
        Request { method: method.to_owned(), target: target.trim().to_owned(), headers, body: body.to_vec().into() };
    Ok(Part { content_id: find(outer, "content-id").map(str::to_owned), request })
}

/// Begins a multipart part with an HTTP answer in it.
pub(super) fn write_part(out: &mut Vec<u8>, boundary: &str, content_id: Option<&str>, response: &Response) {
    let mut head = format!("--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = content_id {
        head.push_str(&format!("Content-ID: {id}\r\n"));
    }
    head.push_str(&format!("\r\nHTTP/1.1 {} {}\r\n", response.status, reason(response.status)));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&response.body);
    out.extend_from_slice(b"\r\n");
}

/// Ends a multipart body.
pub(super) fn write_end(out: &mut Vec<u8>, boundary: &str) {
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

/// What is understood as a batch is the same batch when it is written again.
#[cfg(any(test, feature = "fuzz"))]
pub fn fuzz(bytes: &[u8]) {
    const OUTER: &str = "outer-e2c1";
    const INNER: &str = "inner-e2c1";
    let _ = boundary(&String::from_utf8_lossy(bytes));
    let Ok(elements) = parse(bytes, "b") else { return };
    let write = |out: &mut Vec<u8>, boundary: &str, part: &Part| {
        let id = part.content_id.as_ref().map_or_else(String::new, |id| format!("Content-ID: {id}\r\n"));
        let Request { method, target, headers, body } = &part.request;
        out.extend(format!("--{boundary}\r\nContent-Type: application/http\r\n{id}\r\n").bytes());
        out.extend(format!("{method} {target} HTTP/1.1\r\n").bytes());
        headers.iter().for_each(|(name, value)| out.extend(format!("{name}: {value}\r\n").bytes()));
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.bytes());
        out.extend_from_slice(b"\r\n");
    };
    let mut again = Vec::new();
    for element in &elements {
        match element {
            Element::Single(part) => write(&mut again, OUTER, part),
            Element::ChangeSet(parts) => {
                let head = format!("--{OUTER}\r\nContent-Type: multipart/mixed; boundary={INNER}\r\n\r\n");
                again.extend(head.bytes());
                parts.iter().for_each(|part| write(&mut again, INNER, part));
                if parts.is_empty() {
                    again.extend(format!("--{INNER}\r\n").bytes());
                }
                again.extend(format!("--{INNER}--\r\n").bytes());
            }
        }
    }
    again.extend(format!("--{OUTER}--\r\n").bytes());
    let empty = |element: &Element| matches!(element, Element::ChangeSet(parts) if parts.is_empty());
    if !elements.iter().any(empty) {
        assert_eq!(parse(&again, OUTER).as_ref(), Ok(&elements), "{}", String::from_utf8_lossy(&again));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{boundary, parse};

    proptest! {
        #[test]
        fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&body, "b");
        }

        #[test]
        fn fragments_of_batches_never_panic(
            lines in prop::collection::vec(
                prop::sample::select(vec![
                    "--b", "--b--", "--c", "--c--", "\r\n", "\n", "Content-Type: application/http",
                    "Content-Type: multipart/mixed; boundary=c", "GET x HTTP/1.1", "GET", ":", "{}", "-",
                ]),
                0..40,
            ),
            end in prop::sample::select(vec!["\r\n", "\n", ""]),
        ) {
            let body: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            let _ = parse(body.as_bytes(), "b");
        }

        #[test]
        fn content_types_never_panic(text in ".{0,60}") {
            let _ = boundary(&text);
            let _ = boundary(&format!("multipart/mixed;{text}"));
        }
    }

    #[test]
    fn boundaries_are_found_quoted_or_not() {
        assert_eq!(boundary("multipart/mixed;boundary=dwa_batch_x").as_deref(), Some("dwa_batch_x"));
        assert_eq!(boundary("Multipart/Mixed; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("application/json"), None);
    }
}
