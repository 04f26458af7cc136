//! TLS: rustls over aws-lc-rs, certificates from files or, in development mode, made on the spot.

mod client;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig, SupportedCipherSuite, version};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Largest file of certificates or a key, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// How a listener speaks TLS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// What else holds.
    pub rules: Rules,
}

/// What a listener demands of a handshake.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Refuses TLS 1.2.
    pub only_1_3: bool,
    /// The suites of TLS 1.2 that may be used; all by default. Those of TLS 1.3 always may.
    pub ciphers: Option<Vec<CipherSuite>>,
    /// Asks clients for a certificate.
    pub ask_client: bool,
    /// Refuses clients without one.
    pub require_client: bool,
    /// The authorities that client certificates must come from, PEM. Without it any certificate is taken whose key the
    /// client holds, and what it is worth is decided where somebody logs in with it.
    pub client_ca: Option<PathBuf>,
}

/// What a listener shows of itself: a certificate and its key, which may be exchanged while it listens.
pub struct Identity {
    current: ArcSwap<TlsAcceptor>,
    files: Option<Settings>,
}

impl Identity {
    /// Reads the files that the configuration names.
    pub fn from_files(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self { current: ArcSwap::from_pointee(from_files(settings)?), files: Some(settings.clone()) })
    }

    /// Speaks TLS with the present certificate.
    pub fn acceptor(&self) -> Arc<TlsAcceptor> {
        self.current.load_full()
    }

    /// Reads the files again, for connections from now on. When they cannot be used, the certificate stays.
    pub fn reload(&self) -> Result<(), Failure> {
        if let Some(settings) = &self.files {
            self.current.store(Arc::new(from_files(settings)?));
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
    let rules = Rules { ask_client: true, ..Rules::default() };
    let key = Zeroizing::new(key.serialize_pem());
    let acceptor = acceptor(leaf.pem().as_bytes(), key.as_bytes(), &rules)?;
    let identity = Identity { current: ArcSwap::from_pointee(acceptor), files: None };
    Ok(Development { authority: authority_pem, identity })
}

/// The suites of TLS 1.2 with these names, as IANA and as Go's library writes them; in words, what there is.
pub fn ciphers(names: &[String]) -> Result<Vec<CipherSuite>, String> {
    let known: Vec<_> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(SupportedCipherSuite::suite).collect();
    let is = |suite: &CipherSuite, name: &str| {
        let own = format!("{suite:?}");
        own == name || own.strip_suffix("_SHA256") == Some(name) || own.replace("TLS13_", "TLS_") == name
    };
    let find = |name: &String| known.iter().copied().find(|suite| is(suite, name));
    let found: Option<Vec<_>> = names.iter().map(find).collect();
    found.filter(|found| !found.is_empty()).ok_or_else(|| {
        let all: Vec<_> = known.iter().map(|suite| format!("{suite:?}").replace("TLS13_", "TLS_")).collect();
        format!("must name some of {}", all.join(", "))
    })
}

fn from_files(settings: &Settings) -> Result<TlsAcceptor, Failure> {
    let Settings { certificate, key, rules } = settings;
    let (chain, private) = (read(certificate)?, Zeroizing::new(read(key)?));
    let pair = format!("{} and {}", certificate.display(), key.display());
    acceptor(&chain, &private, rules).map_err(|e| format!("{pair} cannot be used as certificate and key: {e}").into())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| format!("{}: {e}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_MAX {
        return Err(format!("{}: is larger than 1 MiB", path.display()).into());
    }
    Ok(std::fs::read(path).map_err(unreadable)?)
}

fn acceptor(chain: &[u8], key: &[u8], rules: &Rules) -> Result<TlsAcceptor, Failure> {
    drop(aws_lc_rs::default_provider().install_default());
    let provider = Arc::new(provider(rules));
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let versions: &[_] = if rules.only_1_3 { &[&version::TLS13] } else { &[&version::TLS13, &version::TLS12] };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
    let builder = match client::verifier(rules, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The cryptography of rustls, with the suites that may be used.
fn provider(rules: &Rules) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(wanted) = &rules.ciphers {
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || wanted.contains(&suite.suite()));
    }
    provider
}
