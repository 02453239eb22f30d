//! The certificate authority.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use jiff::{ToSpan as _, Zoned};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// The key and the name that certificates are signed with.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Self::with_key(KeyPair::generate().context("can't make the authority's key")?)
    }

    /// The authority kept in `folder`, which is made there if there is none yet: who trusts it need not be told again.
    pub(crate) fn kept_in(folder: &Path) -> anyhow::Result<Self> {
        let (key_file, certificate_file) = (folder.join("ca-key.pem"), folder.join("ca.pem"));
        if let (Ok(key), Ok(pem)) = (fs::read_to_string(&key_file), fs::read_to_string(&certificate_file)) {
            let key = KeyPair::from_pem(&key).with_context(|| format!("{} is no key", key_file.display()))?;
            return Ok(Self { issuer: Issuer::new(parameters()?, key), pem });
        }
        let key = KeyPair::generate().context("can't make the authority's key")?;
        let mut file = fs::OpenOptions::new();
        file.write(true).create(true).truncate(true);
        // Who reads the key can pose as any host to those who trust the certificate.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        file.open(&key_file)
            .and_then(|mut file| file.write_all(key.serialize_pem().as_bytes()))
            .with_context(|| format!("can't write {}", key_file.display()))?;
        Self::with_key(key)
    }

    fn with_key(key: KeyPair) -> anyhow::Result<Self> {
        let certificate = parameters()?.self_signed(&key).context("can't make the authority's certificate")?;
        Ok(Self { pem: certificate.pem(), issuer: Issuer::new(parameters()?, key) })
    }

    /// The authority's own certificate: what clients have to trust.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for this machine and for `host`, with its key.
    pub(super) fn certify(&self, host: Option<&str>) -> anyhow::Result<CertifiedKey> {
        let names = ["localhost", "127.0.0.1", "::1"].into_iter().chain(host.filter(|host| *host != "localhost"));
        let mut parameters = CertificateParams::new(names.map(str::to_owned).collect::<Vec<_>>())?;
        parameters.distinguished_name.push(DnType::CommonName, "localhost");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.use_authority_key_identifier_extension = true;
        // Some clients take no certificate that is valid for more than 398 days.
        valid_for(&mut parameters, 390)?;
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(CertifiedKey::new(vec![CertificateDer::from(certificate)], any_supported_type(&key)?))
    }
}

fn parameters() -> anyhow::Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, "Dataverse sandbox");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut parameters, 3650)?;
    Ok(parameters)
}

/// From two days ago, for clients whose clock or time zone differs.
fn valid_for(parameters: &mut CertificateParams, days: i64) -> anyhow::Result<()> {
    let today = Zoned::now().date();
    let (first, last) = (today.checked_sub(2.days())?, today.checked_add(days.days())?);
    let midnight = |date: jiff::civil::Date| {
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (parameters.not_before, parameters.not_after) = (midnight(first), midnight(last));
    Ok(())
}
