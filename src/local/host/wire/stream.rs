//! Reading HTTP/1.1 messages from a byte stream.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most a message head may weigh, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The most a body may weigh, in bytes: what the real host takes from a client.
pub(super) const MAX_BODY: usize = 104_857_600;

/// Why a message did not come or go.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum WireError {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side closed the connection before the first byte of an answer.
    #[error("The server returned an invalid or unrecognized response: the connection was closed before an answer.")]
    ClosedBeforeAnswer,
    #[error("The connection was closed in the middle of a message.")]
    Cut,
    #[error("The {0} is malformed.")]
    Malformed(&'static str),
    #[error("The message is larger than {0} bytes.")]
    TooLarge(usize),
}

/// A connection and what was read from it beyond the current message.
#[derive(Debug)]
pub(super) struct Wire<S> {
    pub(super) io: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, buffer: BytesMut::new() }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// A message head, its blank line included; `None` if the stream ends before the first byte.
    pub(super) async fn head(&mut self) -> Result<Option<BytesMut>, WireError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Some(self.buffer.split_to(searched + at + 4)));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > MAX_HEAD {
                return Err(WireError::TooLarge(MAX_HEAD));
            }
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(WireError::Cut) };
            }
        }
    }

    pub(super) async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, WireError> {
        if length > MAX_BODY {
            return Err(WireError::TooLarge(MAX_BODY));
        }
        self.buffer.reserve(length.saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    pub(super) async fn chunked(&mut self) -> Result<Vec<u8>, WireError> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| WireError::Malformed("chunk size"))?;
            if size == 0 {
                // Trailers, which nobody here needs, up to the blank line.
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len() + size > MAX_BODY {
                return Err(WireError::TooLarge(MAX_BODY));
            }
            body.extend_from_slice(&self.exactly(size).await?);
            if !self.line().await?.is_empty() {
                return Err(WireError::Malformed("chunk"));
            }
        }
    }

    pub(super) async fn until_end(&mut self) -> Result<Vec<u8>, WireError> {
        while self.io.read_buf(&mut self.buffer).await? > 0 {
            if self.buffer.len() > MAX_BODY {
                return Err(WireError::TooLarge(MAX_BODY));
            }
        }
        Ok(self.buffer.split().to_vec())
    }

    /// Whether bytes came that belong to no message yet.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn line(&mut self) -> Result<String, WireError> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.advance(at + 2);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD && !self.buffer[..MAX_HEAD].contains(&b'\n') {
                return Err(WireError::TooLarge(MAX_HEAD));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), WireError> {
        match self.io.read_buf(&mut self.buffer).await? {
            0 => Err(WireError::Cut),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything of `text` is there to be read, and then the end.
    async fn wire(text: &str) -> io::Result<Wire<tokio::io::DuplexStream>> {
        let (near, mut far) = tokio::io::duplex(4096);
        far.write_all(text.as_bytes()).await?;
        drop(far);
        Ok(Wire::new(near))
    }

    #[tokio::test]
    async fn chunks_are_joined_and_extensions_and_trailers_skipped() -> Result<(), WireError> {
        let mut wire = wire("3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\nrest").await?;
        assert_eq!(wire.chunked().await?, b"abcde");
        assert_eq!(wire.until_end().await?, b"rest");
        Ok(())
    }

    #[tokio::test]
    async fn an_end_before_a_message_is_told_from_one_within() -> Result<(), WireError> {
        assert!(wire("").await?.head().await?.is_none());
        assert!(matches!(wire("GET / HT").await?.head().await, Err(WireError::Cut)));
        assert!(matches!(wire("abc").await?.exactly(4).await, Err(WireError::Cut)));
        assert!(matches!(wire("zz\r\n").await?.chunked().await, Err(WireError::Malformed(_))));
        Ok(())
    }
}
