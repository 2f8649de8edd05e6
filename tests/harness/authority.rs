//! An authority of a test's own, and what it certifies.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};
use tokio_util::task::TaskTracker;

/// Nobody else believes it.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate of this machine, and its key, both in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) certificate: String,
    /// Its key.
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// Its own certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A new certificate of this machine.
    pub(crate) fn certify(&self) -> Pair {
        self.certify_as(|_params| {})
    }

    /// A certificate that is otherwise than usual.
    pub(crate) fn certify_as(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// The certificate that a server shows, which must be of this authority.
    pub(crate) async fn shown_by(&self, server: SocketAddr) -> std::io::Result<Vec<u8>> {
        let stream = self.shake_hands(server, &[]).await?;
        let chain = stream.get_ref().1.peer_certificates().expect("it shows one");
        Ok(chain[0].to_vec())
    }

    /// Whether a server takes somebody who speaks these protocols alone.
    pub(crate) async fn speaks(&self, server: SocketAddr, protocols: &[&[u8]]) -> bool {
        self.shake_hands(server, protocols).await.is_ok()
    }

    async fn shake_hands(
        &self,
        server: SocketAddr,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(server).await?;
        let name = ServerName::IpAddress(server.ip().into());
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

impl Pair {
    /// The certificate as it is shown.
    pub(crate) fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap().to_vec()
    }

    /// Ends TLS with this certificate in front of a plain server, and answers where. It goes on for as long as
    /// the test's runtime.
    pub(crate) async fn in_front_of(&self, plain: SocketAddr) -> SocketAddr {
        let chain = vec![CertificateDer::from(self.der())];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tasks.spawn(async move {
                    // Who does not believe the certificate goes away, and so does what was for him.
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let Ok(mut inside) = TcpStream::connect(plain).await else { return };
                    let _ended =
                        tokio::io::copy_bidirectional(&mut outside, &mut inside).await.is_ok();
                });
            }
        });
        address
    }
}
