//! As much of HTTP/1.1 as measuring takes: both sides of a kept connection, on the standard library alone.
//!
//! A client of the product's own stack would measure that stack twice.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

const PORTS: Range<u16> = 20_000..32_000;

/// A request or an answer.
pub struct Message {
    /// The request line or the status line.
    start: String,
    pub body: Vec<u8>,
    /// Whether the connection ends with it.
    close: bool,
}

impl Message {
    /// Reads one message; nothing when the other side has closed the connection before it.
    pub fn read(from: &mut impl BufRead) -> Result<Option<Message>> {
        let mut start = String::new();
        if from.read_line(&mut start).context("cannot read from the connection")? == 0 {
            return Ok(None);
        }
        let (mut length, mut chunked, mut close) = (0, false, false);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).context("cannot read a header")? == 0 {
                bail!("the connection was closed within the headers");
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().context("bad content-length")?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "connection" => close = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        let body = if chunked { read_chunks(from)? } else { read_exactly(from, length)? };
        Ok(Some(Message { start: start.trim_end().to_owned(), body, close }))
    }

    /// Of a request: the method and the path without its query.
    pub fn method_and_path(&self) -> (&str, &str) {
        let mut words = self.start.split(' ');
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        (method, target.split('?').next().unwrap_or_default())
    }

    /// Of a request: a value of the query, as it stands there.
    pub fn query(&self, name: &str) -> Option<&str> {
        let target = self.start.split(' ').nth(1)?;
        let mut pairs = target.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Of an answer: the status.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
    }
}

fn read_exactly(from: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    let mut body = vec![0; length];
    from.read_exact(&mut body).context("the connection was closed within the body")?;
    Ok(body)
}

fn read_chunks(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).context("cannot read a chunk's size")?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).with_context(|| format!("bad chunk size {size:?}"))?;
        let mut chunk = read_exactly(from, size + 2)?;
        chunk.truncate(size);
        body.append(&mut chunk);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// A kept connection to a server on this machine.
pub struct Connection {
    reader: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { reader: BufReader::new(stream), request: Vec::new() })
    }

    /// Sends a request and reads the answer. `headers` are whole lines, each with its line end.
    pub fn exchange(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Result<Message> {
        // In one write: a body that trails its head would wait for the other side's delayed acknowledgement.
        self.request.clear();
        let length = body.len();
        write!(
            self.request,
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n{headers}\r\n"
        )
        .context("cannot build a request")?;
        self.request.extend_from_slice(body);
        self.reader.get_mut().write_all(&self.request).context("cannot send the request")?;
        Message::read(&mut self.reader)?.context("the connection was closed without an answer")
    }
}

/// Answers every request on the listener's connections, each connection on a thread of its own, for as long as this
/// process lives. An answer is whole bytes, head and body.
pub fn serve(listener: TcpListener, answer: impl Fn(&Message) -> Vec<u8> + Clone + Send + 'static) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                // The other side hanging up is how a connection ends here.
                let _ = serve_connection(stream, answer);
            });
        }
    });
}

fn serve_connection(stream: TcpStream, answer: impl Fn(&Message) -> Vec<u8>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::read(&mut reader)? {
        reader.get_mut().write_all(&answer(&request))?;
        if request.close {
            break;
        }
    }
    Ok(())
}

/// A port that was free a moment ago.
///
/// Below those that systems give to outgoing connections: whoever tries to connect again and again to such a port
/// while nobody listens there may be given it for its own end, and is then connected to itself.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several runs on one machine should not try the same ports in the same order.
    let offset = (std::process::id() % 1000) as u16 * 10;
    for _ in 0..PORTS.len() {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(offset) % PORTS.len() as u16;
        let port = PORTS.start + step;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between {} and {} is free", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_body_are_read_to_their_end() {
        let wire = "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\none\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ntw\r\n1;x=y\r\no\r\n0\r\n\r\n\
            HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        let mut reader = BufReader::new(wire.as_bytes());
        for (status, body, close) in [(202, "one", false), (200, "two", false), (204, "", true)] {
            let message = Message::read(&mut reader).unwrap().unwrap();
            assert_eq!(
                (message.status(), message.body.as_slice(), message.close),
                (Some(status), body.as_bytes(), close)
            );
        }
        assert!(Message::read(&mut reader).unwrap().is_none());
    }

    #[test]
    fn a_connection_is_kept_between_requests() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        serve(listener, |request| {
            let (method, path) = request.method_and_path();
            let said = format!("{method} {path} {}", String::from_utf8_lossy(&request.body));
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()).into_bytes()
        });
        let mut connection = Connection::open(port).unwrap();
        for body in ["", "a", "bc"] {
            let answer = connection.exchange("POST", "/here?x=1", "X-One: 1\r\n", body.as_bytes()).unwrap();
            assert_eq!(answer.status(), Some(200));
            assert_eq!(String::from_utf8_lossy(&answer.body), format!("POST /here {body}"));
        }
    }
}
