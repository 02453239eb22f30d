//! The accept loops: two ports for each organisation.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::connection::{Scheme, serve};
use crate::organization::{Doors, Organization};
use crate::state::State;

/// The listeners of a sandbox.
pub(crate) struct Listeners {
    acceptor: TlsAcceptor,
    stop: watch::Sender<bool>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

impl Listeners {
    pub(crate) fn new(acceptor: TlsAcceptor) -> Self {
        Self { acceptor, stop: watch::Sender::new(false), accepting: Mutex::default() }
    }

    /// Gives an organisation its ports and serves them; port 0 picks a free one. Needs a Tokio runtime around it.
    pub(crate) fn open(
        &self,
        state: &Arc<State>,
        organization: &Arc<Organization>,
        http: u16,
        https: u16,
    ) -> anyhow::Result<()> {
        let (http, https) = (bind(http)?, bind(https)?);
        organization.open_doors(Doors { http: http.local_addr()?.port(), https: https.local_addr()?.port() });
        let loops = [(http, Scheme::Http), (https, Scheme::Https(self.acceptor.clone()))].map(|(listener, scheme)| {
            let (state, organization) = (Arc::clone(state), Arc::clone(organization));
            let connected = move |stream| serve(stream, scheme.clone(), Arc::clone(&state), Arc::clone(&organization));
            tokio::spawn(accept(listener, self.stop.subscribe(), connected))
        });
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner).extend(loops);
        Ok(())
    }

    /// Has every listener and connection closed soon.
    pub(crate) fn close(&self) {
        self.stop.send_replace(true);
    }

    /// Closes every listener and connection.
    pub(crate) async fn closed(&self) {
        self.close();
        let loops = std::mem::take(&mut *self.accepting.lock().unwrap_or_else(PoisonError::into_inner));
        for accepting in loops {
            // A loop that panicked is over too.
            accepting.await.ok();
        }
    }
}

/// Listens on a port of 127.0.0.1; 0 picks a free one. Needs a Tokio runtime around it.
pub(crate) fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let listener =
        StdListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("can't listen on 127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

/// Has `connected` serve each connection, until it is stopped; that ends the connections too.
pub(crate) async fn accept<F, S>(listener: TcpListener, mut stopped: watch::Receiver<bool>, connected: F)
where
    F: Fn(TcpStream) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    // Dropped at the end, which aborts the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    stream.set_nodelay(true).ok();
                    connections.spawn(connected(stream));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
}
