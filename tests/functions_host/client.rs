//! A client that sends what it is told and shows what it gets, byte for byte.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    pub chunked: bool,
}

#[derive(Debug, Clone)]
pub struct Got {
    pub status: u16,
    pub status_line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn get(target: &str) -> Self {
        Self { method: "GET".into(), target: target.into(), ..Self::default() }
    }

    pub fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST".into(), target: target.into(), body: Some(body.into()), ..Self::default() }
            .header("Content-Type", content_type)
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends with the headers that curl sends. `None` if no whole answer comes in time.
    pub async fn send(&self, url: &str, limit: Duration) -> Option<Got> {
        tokio::time::timeout(limit, self.exchange(url)).await.ok()?
    }

    /// As [`Ask::send`], for an answer that must come.
    pub async fn to(&self, url: &str) -> Got {
        self.send(url, Duration::from_secs(30)).await.unwrap_or_else(|| panic!("no answer to {self:?}"))
    }

    async fn exchange(&self, url: &str) -> Option<Got> {
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.ok()?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut bytes = Vec::new();
        match &self.body {
            Some(body) if self.chunked => {
                head += "Transfer-Encoding: chunked\r\n\r\n";
                for part in body.chunks(3) {
                    bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
                    bytes.extend(part);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            Some(body) => {
                head += &format!("Content-Length: {}\r\n\r\n", body.len());
                bytes.extend(body);
            }
            None => head += "\r\n",
        }
        stream.write_all(&[head.into_bytes(), bytes].concat()).await.ok()?;
        read(&mut stream, self.method == "HEAD").await
    }
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

async fn read(stream: &mut TcpStream, head_only: bool) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let status_line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into())).collect();
    let status = status_line.split(' ').nth(1)?.parse().ok()?;
    let mut got = Got { status, status_line, headers, body: Vec::new() };
    if head_only || status == 204 {
        return Some(got);
    }
    if got.header("transfer-encoding").is_some() {
        while !body.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
        got.body = unchunked(&body);
    } else {
        let length: usize = got.header("content-length")?.parse().ok()?;
        while body.len() < length {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
        got.body = body;
    }
    Some(got)
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 4 + size..];
    }
}
