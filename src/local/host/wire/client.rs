//! Requests to the handler, over connections that are kept.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::net::TcpStream;

use super::{
    message::{Outgoing, Response, is_bodiless},
    stream::{Wire, WireError},
};

/// How often .NET's HTTP client sends a request without a body again when the connection ends before an answer (seen:
/// four requests in all).
const RETRIES_WITHOUT_BODY: usize = 3;

/// The connections to one handler. They are shared by all calls.
#[derive(Debug)]
pub(in super::super) struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<Wire<TcpStream>>>,
}

impl Client {
    pub(in super::super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Sends a request and reads its whole answer.
    pub(in super::super) async fn send(&self, request: &Outgoing) -> Result<Response, WireError> {
        let bytes = request.to_bytes();
        let mut left = if request.has_body() { 0 } else { RETRIES_WITHOUT_BODY };
        loop {
            match self.send_once(&bytes, request.method == "HEAD").await {
                Err(WireError::ClosedBeforeAnswer) if left > 0 => left -= 1,
                other => return other,
            }
        }
    }

    /// One request for readiness on a connection of its own.
    pub(in super::super) async fn ping(&self, request: &Outgoing, limit: Duration) -> Result<Response, WireError> {
        let answer = async {
            let stream = TcpStream::connect(self.address).await?;
            // While nobody listens, a connection to a port like this one may be made to come out at itself.
            if stream.local_addr()? == self.address {
                return Err(WireError::ClosedBeforeAnswer);
            }
            let mut wire = Wire::new(stream);
            wire.write(&request.to_bytes()).await?;
            read_response(&mut wire, false).await.map(|(response, _)| response)
        };
        tokio::time::timeout(limit, answer).await.unwrap_or(Err(WireError::Cut))
    }

    /// Forgets the connections of a handler that is gone.
    pub(in super::super) fn forget_connections(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn send_once(&self, bytes: &[u8], head: bool) -> Result<Response, WireError> {
        let mut wire = match self.take_idle() {
            Some(wire) => wire,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                Wire::new(stream)
            }
        };
        // A handler may answer and close before it has read everything; its answer counts.
        let written = wire.write(bytes).await;
        match (read_response(&mut wire, head).await, written) {
            (Ok((response, true)), Ok(())) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(wire);
                Ok(response)
            }
            (Ok((response, _)), _) => Ok(response),
            (Err(error), _) => Err(error),
        }
    }

    fn take_idle(&self) -> Option<Wire<TcpStream>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(wire) = idle.pop() {
            // Anything to read on an idle connection means that the handler closed it, or worse.
            let pending = wire.io.try_read(&mut [0]);
            if pending.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
                return Some(wire);
            }
        }
        None
    }
}

/// The response and whether the connection can be used again.
async fn read_response(wire: &mut Wire<TcpStream>, head: bool) -> Result<(Response, bool), WireError> {
    loop {
        let bytes = match wire.head().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(WireError::ClosedBeforeAnswer),
            Err(WireError::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                return Err(WireError::ClosedBeforeAnswer);
            }
            Err(error) => return Err(error),
        };
        let mut response = Response::parse(&bytes)?;
        if (100..200).contains(&response.status) && response.status != 101 {
            continue;
        }
        let mut reusable = !response.headers.says_close() && bytes.starts_with(b"HTTP/1.1");
        if !head && !is_bodiless(response.status) {
            response.body = if response.headers.is_chunked() {
                wire.chunked().await?
            } else if let Some(length) = response.headers.content_length()? {
                wire.exactly(length).await?
            } else {
                reusable = false;
                wire.until_end().await?
            };
        }
        return Ok((response, reusable && !wire.has_more()));
    }
}
