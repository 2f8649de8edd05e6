//! TLS towards callers: the certificate that new connections are shown, which may be replaced while the
//! service runs. Old connections keep what they began with.

use std::{fmt, io, sync::Arc};

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        Error, ServerConfig, crypto::aws_lc_rs, server::ResolvesServerCert, sign::SingleCertAndKey,
    },
    server::TlsStream,
};

use crate::config::TlsConfig;

/// What the server speaks.
const PROTOCOL: &[u8] = b"http/1.1";

/// Shakes hands with callers.
pub struct Tls {
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// With this certificate.
    ///
    /// # Errors
    /// The crypto library lacks what TLS needs.
    pub fn new(config: &TlsConfig) -> Result<Self, Error> {
        Ok(Self { config: ArcSwap::from_pointee(server_config(config)?) })
    }

    /// With another certificate, from the next handshake on.
    ///
    /// # Errors
    /// As [`Tls::new`]; the old one stays.
    pub fn replace(&self, config: &TlsConfig) -> Result<(), Error> {
        // A configuration of its own, so that no session of before is resumed under the old certificate.
        self.config.store(Arc::new(server_config(config)?));
        Ok(())
    }

    pub(super) async fn shake_hands(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// TLS 1.2 and 1.3, without certificates of callers.
fn server_config(config: &TlsConfig) -> Result<ServerConfig, Error> {
    let certified: Arc<dyn ResolvesServerCert> =
        Arc::new(SingleCertAndKey::from(Arc::clone(&config.certified)));
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let mut server = builder
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certified);
    server.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(server)
}
