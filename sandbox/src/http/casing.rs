//! Header names in the case in which Dataverse sends them. HTTP does not mind the case, but some clients do.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The names that answers have, other than those in lower case.
const NAMES: [&str; 25] = [
    "Accept-Ranges",
    "Access-Control-Expose-Headers",
    "AuthActivityId",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "CRM.ServiceId",
    "Date",
    "ETag",
    "Expires",
    "Location",
    "OData-EntityId",
    "OData-Version",
    "Preference-Applied",
    "REQ_ID",
    "Retry-After",
    "Set-Cookie",
    "Strict-Transport-Security",
    "Transfer-Encoding",
    "Vary",
    "WWW-Authenticate",
    "X-Source",
];

/// A stream on which the heads of answers get their names in the right case.
pub(super) struct Cased<S>(S);

impl<S> Cased<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(stream)
    }

    pub(super) fn into_inner(self) -> S {
        self.0
    }
}

/// The head of an answer at the beginning of what is written, with its names in the right case; it keeps its length.
fn cased(written: &[u8]) -> Option<Vec<u8>> {
    if !written.starts_with(b"HTTP/1.1 ") {
        return None;
    }
    let end = written.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut bytes = written.to_vec();
    let mut line = 0;
    while let Some(next) = bytes[line..end].iter().position(|byte| *byte == b'\n').map(|at| line + at + 1) {
        let length = bytes[next..].iter().position(|byte| *byte == b':').unwrap_or_default();
        let name = NAMES.iter().find(|name| bytes[next..next + length].eq_ignore_ascii_case(name.as_bytes()));
        if let Some(name) = name {
            bytes[next..next + length].copy_from_slice(name.as_bytes());
        }
        line = next;
    }
    Some(bytes)
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cased<S> {
    // Never vectored: a head comes as a whole, with its answer behind it.
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match cased(bytes) {
            Some(bytes) => Pin::new(&mut self.0).poll_write(context, &bytes),
            None => Pin::new(&mut self.0).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cased<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::cased;

    #[test]
    fn names_get_their_case_and_bodies_keep_theirs() {
        let head = b"HTTP/1.1 204 No Content\r\nodata-entityid: http://x/odata-version: y\r\nx-ms-dop-hint: 4\r\ndate: d\r\n\r\n";
        let body = b"etag: body\r\netag: body";
        let written = [head.as_slice(), body].concat();
        let expected = "HTTP/1.1 204 No Content\r\nOData-EntityId: http://x/odata-version: y\r\nx-ms-dop-hint: 4\r\n\
                        Date: d\r\n\r\netag: body\r\netag: body";
        assert_eq!(cased(&written).as_deref(), Some(expected.as_bytes()));
        assert_eq!(cased(b"\r\netag: 1\r\n\r\n"), None);
        assert_eq!(cased(b"HTTP/1.1 200 OK\r\netag: cut"), None);
    }
}
