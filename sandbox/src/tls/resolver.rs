//! Which certificate a client is shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Authority;

/// Hosts beyond this number are shown the certificate for `localhost`: names come from outside.
const KEPT: usize = 1000;

/// Makes a certificate for each host that is asked for, once.
pub(super) struct Resolver {
    authority: Authority,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Resolver {
    pub(super) fn new(authority: Authority) -> Self {
        Self { authority, made: Mutex::default() }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // A client that calls an address instead of a name names no host.
        let host = hello.server_name().filter(|_| made.len() < KEPT).unwrap_or("localhost");
        if let Some(known) = made.get(host) {
            return Some(Arc::clone(known));
        }
        let certified = Arc::new(self.authority.certify(Some(host)).ok()?);
        made.insert(host.to_owned(), Arc::clone(&certified));
        Some(certified)
    }
}
