//! Certificates and public keys, and signatures checked with them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use webpki::EndEntityCert;

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding.
    RS256,
    /// RSA with PSS padding.
    PS256,
}

/// A public key whose signatures are trusted.
#[derive(Debug, Clone)]
pub(crate) enum PublicKey {
    Certificate(Certificate),
    /// Modulus and exponent, as in a JSON Web Key.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads one entry of a JSON Web Key Set.
    pub(crate) fn from_jwk(modulus: &str, exponent: &str) -> Option<Self> {
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        Some(Self::Rsa { modulus: part(modulus)?, exponent: part(exponent)? })
    }

    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Certificate(certificate) => certificate.verifies(algorithm, message, signature),
            Self::Rsa { modulus, exponent } => {
                let parameters = match algorithm {
                    Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
            }
        }
    }
}

/// A certificate registered for an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate(Vec<u8>);

impl Certificate {
    /// The first certificate in a PEM file, if it is one that signatures can be checked with.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        EndEntityCert::try_from(&der).ok()?;
        Some(Self(der.to_vec()))
    }

    /// SHA-1 of the certificate, as in the header of an older assertion.
    pub(crate) fn x5t(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.0))
    }

    /// SHA-256 of the certificate.
    pub(crate) fn x5t_s256(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.0))
    }

    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let der = CertificateDer::from(self.0.as_slice());
        let algorithm = match algorithm {
            Algorithm::RS256 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::PS256 => webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        };
        EndEntityCert::try_from(&der).is_ok_and(|key| key.verify_signature(algorithm, message, signature).is_ok())
    }
}
