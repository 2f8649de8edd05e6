//! Certificates: our own, with its key, and those of whom we believe.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::rustls::{
    Error, InconsistentKeys, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::layers::Environment;
use super::reader::Reader;
use super::secret::{Named, read_bounded};

/// The certificate that callers are shown, with its key.
#[derive(Clone)]
pub struct TlsConfig {
    /// Both, read and found to belong together.
    pub certified: Arc<CertifiedKey>,
    certificate: Named,
    key: Named,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl TlsConfig {
    fn new(certificate: Named, key: Named) -> Result<Self, (&'static str, String)> {
        let certified = Arc::new(certified(&certificate.value, &key.value)?);
        Ok(Self { certified, certificate, key })
    }

    /// The files that they are read from again, in order; what is of the environment has none.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        [&self.certificate, &self.key].into_iter().filter_map(|named| named.file.clone()).collect()
    }

    /// What those files held, in order.
    #[must_use]
    pub fn contents(&self) -> Vec<SecretString> {
        let named = [&self.certificate, &self.key].into_iter();
        named.filter(|named| named.file.is_some()).map(|named| named.value.clone()).collect()
    }

    /// The pair now that those files hold this.
    ///
    /// # Errors
    /// A sentence without any of the content.
    pub fn with_contents(&self, contents: Vec<SecretString>) -> Result<Self, String> {
        let mut contents = contents.into_iter();
        let mut renew = |named: &Named| match &named.file {
            Some(_) => Named { value: contents.next().unwrap_or_default(), ..named.clone() },
            None => named.clone(),
        };
        let (certificate, key) = (renew(&self.certificate), renew(&self.key));
        Self::new(certificate, key).map_err(|(key, message)| format!("{key}: {message}"))
    }
}

pub(super) fn parse(reader: &mut Reader, env: &Environment) -> Option<TlsConfig> {
    let certificate = reader.needed_secret("certificate", env);
    let key = reader.needed_secret("key", env);
    match TlsConfig::new(certificate?, key?) {
        Ok(tls) => Some(tls),
        Err((key, message)) => {
            reader.fault(key, message);
            None
        }
    }
}

/// A chain and its key, found to belong together; else the setting that is at fault, and why.
fn certified(
    chain: &SecretString,
    key: &SecretString,
) -> Result<CertifiedKey, (&'static str, String)> {
    let of_chain = |message: &str| ("certificate", message.to_owned());
    let of_key = |message: &str| ("key", message.to_owned());
    let chain = certificates(chain.expose_secret().as_bytes()).map_err(|fault| of_chain(&fault))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
        .map_err(|_not_a_key| of_key("is not a private key in PEM"))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| {
        if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            return of_key("does not belong to the certificate");
        }
        if matches!(error, Error::InvalidCertificate(_)) {
            return of_chain("is not a certificate that can be used");
        }
        of_key("is not of a kind that can be used: RSA, ECDSA or Ed25519")
    })
}

/// At least one certificate.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err("holds no certificate in PEM".to_owned()),
        Err(_) => Err("is not in PEM".to_owned()),
    }
}

/// Certificates that a server's own must lead to, in place of the machine's.
#[derive(Clone)]
pub struct CaBundle(Arc<[u8]>);

impl CaBundle {
    /// In PEM.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.0
    }

    /// Those in a file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let pem = read_bounded(path)?;
        let shown = path.display();
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&pem).map_err(|fault| format!("{shown} {fault}"))? {
            roots.add(certificate).map_err(|_error| {
                format!("{shown} holds a certificate that nothing can lead to")
            })?;
        }
        Ok(Self(pem.into()))
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaBundle").finish_non_exhaustive()
    }
}

impl Reader {
    /// The certificates in the file named at `key`, for a server that is reached by https.
    pub(super) fn ca_file(
        &mut self,
        key: &'static str,
        url: Option<&url::Url>,
    ) -> Option<CaBundle> {
        let path = self.string(key)?;
        if url.is_some_and(|url| url.scheme() != "https") {
            self.fault(key, "is of no use where the address is not https");
            return None;
        }
        match CaBundle::read(Path::new(&path)) {
            Ok(bundle) => Some(bundle),
            Err(message) => {
                self.fault(key, message);
                None
            }
        }
    }
}
