//! https: an authority of the sandbox's own, and certificates made by it as hosts are asked for.

mod authority;
mod resolver;

pub(crate) use authority::Authority;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio_rustls::TlsAcceptor;

use resolver::Resolver;

/// What takes the https connections, with certificates of this authority.
pub(crate) fn acceptor(authority: Authority) -> Result<TlsAcceptor, rustls::Error> {
    // The provider is named, not installed: the process may have another user of rustls with another one.
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver::new(authority)));
    Ok(TlsAcceptor::from(Arc::new(config)))
}
