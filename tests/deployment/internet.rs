//! Azure's host names on this machine: a proxy (HTTP CONNECT) leads each to its stand-in, with certificates of an authority of its own.
//! Whoever asks for another host is turned away, and remembered.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Where a host is.
#[derive(Debug, Clone)]
pub enum Place {
    /// At this port of 127.0.0.1, which speaks TLS itself.
    Port(u16),
    /// The same, but without TLS.
    Behind(SocketAddr),
}

/// A certificate for some names, with the authority that made it.
pub struct Certificate {
    pub authority: String,
    /// PEM files.
    pub certificate: PathBuf,
    pub key: PathBuf,
    acceptor: TlsAcceptor,
}

impl Certificate {
    pub fn new(names: &[String], folder: &Path) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(DnType::CommonName, "Azure on this machine");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_key = KeyPair::generate().unwrap();
        let own = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let (certificate_file, key_file) = (folder.join("azure.pem"), folder.join("azure-key.pem"));
        fs::write(&certificate_file, leaf.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(leaf)], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { authority: own.pem(), certificate: certificate_file, key: key_file, acceptor }
    }
}

/// The proxy.
pub struct Internet {
    pub url: String,
    strangers: Arc<Mutex<Vec<String>>>,
}

impl Internet {
    pub async fn open(certificate: &Certificate, places: Vec<(String, Place)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (strangers, places) = (Arc::new(Mutex::new(Vec::new())), Arc::new(places));
        let (asked, acceptor) = (strangers.clone(), certificate.acceptor.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, places.clone(), acceptor.clone(), asked.clone()));
            }
        });
        Self { url, strangers }
    }

    /// Hosts that somebody asked for and that are none of Azure's.
    pub fn strangers(&self) -> Vec<String> {
        self.strangers.lock().unwrap().clone()
    }
}

/// Whoever breaks off is none of our business.
async fn lead(
    client: TcpStream,
    places: Arc<Vec<(String, Place)>>,
    acceptor: TlsAcceptor,
    strangers: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut first = String::new();
    (&mut client).take(8_192).read_line(&mut first).await?;
    let mut header = String::new();
    while (&mut client).take(8_192).read_line(&mut header).await? > 2 {
        header.clear();
    }
    let target = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let place = places.iter().find(|(host, _)| target.strip_suffix(":443") == Some(host)).map(|(_, place)| place);
    let Some(place) = place else {
        strangers.lock().unwrap().push(first.trim().to_owned());
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    match place {
        Place::Port(port) => {
            let mut server = TcpStream::connect(("127.0.0.1", *port)).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Place::Behind(address) => {
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
    }
    Ok(())
}
