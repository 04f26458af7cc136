//! TLS: rustls over aws-lc-rs, certificates from files or, in development mode, made on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a listener shows of itself: a certificate and its key, which may be exchanged while it listens.
pub struct Identity {
    current: ArcSwap<TlsAcceptor>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Identity {
    /// Certificate chain and key from PEM files.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let current = ArcSwap::from_pointee(from_files(certificate, key)?);
        Ok(Self { current, files: Some((certificate.to_owned(), key.to_owned())) })
    }

    /// Speaks TLS with the present certificate.
    pub fn acceptor(&self) -> Arc<TlsAcceptor> {
        self.current.load_full()
    }

    /// Reads the files again, for connections from now on. When they cannot be used, the certificate stays.
    pub fn reload(&self) -> Result<(), Failure> {
        if let Some((certificate, key)) = &self.files {
            self.current.store(Arc::new(from_files(certificate, key)?));
        }
        Ok(())
    }
}

/// What development mode made.
pub struct Development {
    /// The authority's certificate, PEM.
    pub authority: String,
    /// A certificate of that authority.
    pub identity: Identity,
}

fn from_files(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let (chain, private) = (read(certificate)?, Zeroizing::new(read(key)?));
    let pair = format!("{} and {}", certificate.display(), key.display());
    acceptor(&chain, &private).map_err(|e| format!("{pair} are no PEM certificate and key: {e}").into())
}

/// A fresh authority and a certificate for this machine.
pub fn development() -> Result<Development, Failure> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Innkeeper development authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let acceptor = acceptor(leaf.pem().as_bytes(), key.serialize_pem().as_bytes())?;
    let identity = Identity { current: ArcSwap::from_pointee(acceptor), files: None };
    Ok(Development { authority: authority_pem, identity })
}

fn acceptor(chain: &[u8], key: &[u8]) -> Result<TlsAcceptor, Failure> {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
