//! Requests from clients.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    super::stop::Stop,
    message::{Request, Response},
    stream::{Wire, WireError},
};

/// Answers requests.
#[async_trait]
pub(in super::super) trait Respond: Send + Sync + 'static {
    async fn respond(&self, request: Request) -> Response;
}

/// Accepts connections until `stop` says so, and then returns when the requests that had come are answered. Dropped, it
/// ends all connections.
pub(in super::super) async fn serve(listener: TcpListener, responder: Arc<dyn Respond>, mut stop: Stop) {
    let mut connections = JoinSet::new();
    let connection_stop = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (responder, stop) = (Arc::clone(&responder), connection_stop.clone());
                    connections.spawn(async move {
                        // What goes wrong here went wrong at the client, who knows.
                        let _ = converse(stream, responder.as_ref(), stop).await;
                    });
                }
                // Out of file descriptors, most likely: give the open connections time to end.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            () = stop.asked() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: TcpStream, responder: &dyn Respond, mut stop: Stop) -> Result<(), WireError> {
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream);
    loop {
        let head = tokio::select! {
            head = wire.head() => head?,
            () = stop.asked() => None,
        };
        let Some(head) = head else { return Ok(()) };
        let mut request = match Request::parse(&head) {
            Ok(request) => request,
            Err(error) => {
                wire.write(&Response::empty(400).to_bytes(false)).await?;
                return Err(error);
            }
        };
        if request.headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = if request.headers.is_chunked() {
            wire.chunked().await
        } else {
            match request.headers.content_length() {
                Ok(length) => wire.exactly(length.unwrap_or(0)).await,
                Err(error) => Err(error),
            }
        };
        request.body = match body {
            Ok(body) => body,
            Err(error) => {
                let status = if matches!(error, WireError::TooLarge(_)) { 413 } else { 400 };
                wire.write(&Response::empty(status).to_bytes(false)).await?;
                return Err(error);
            }
        };
        let is_head = request.method == "HEAD";
        let closes = request.headers.says_close() || stop.is_asked();
        let response = responder.respond(request).await;
        wire.write(&response.to_bytes(is_head)).await?;
        if closes || response.headers.says_close() {
            return Ok(());
        }
    }
}
