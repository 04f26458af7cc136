//! TLS to the database: rustls over aws-lc-rs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;
use crate::address::{Address, Trust};

/// How to speak TLS to this address; `None`: not at all.
pub(crate) fn connector(address: &Address) -> Result<Option<MakeRustlsConnect>, Error> {
    if address.trust == Trust::Plain {
        return Ok(None);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let failed = |error: rustls::Error| Error::Settings(format!("TLS cannot be set up: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let inner = match address.trust {
        Trust::Plain | Trust::Anyone => None,
        Trust::Authority | Trust::Full => {
            let roots = Arc::new(roots(address.roots.as_deref())?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|error| Error::Settings(format!("sslrootcert: {error}")))?)
        }
    };
    let config = match inner {
        Some(verifier) if address.trust == Trust::Full => builder.with_webpki_verifier(verifier),
        inner => builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { inner, provider })),
    };
    let mut config = config.with_no_client_auth();
    // What sslnegotiation=direct asks for.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    match file {
        Some(file) => {
            let told = |why: &dyn std::fmt::Display| Error::Settings(format!("sslrootcert {}: {why}", file.display()));
            let bytes = std::fs::read(file).map_err(|error| told(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|_| told(&"is no PEM file of certificates"))?;
                store.add(certificate).map_err(|error| told(&error))?;
            }
            if store.is_empty() {
                return Err(told(&"holds no certificate"));
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                let text = "the system has no certificates of authorities: name a file with sslrootcert";
                return Err(Error::Settings(text.into()));
            }
        }
    }
    Ok(store)
}

/// Asks less than rustls does: that a known authority issued the certificate, whatever host it names (`verify-ca`), or
/// nothing at all (`prefer`, `require`). That the server holds the certificate's key is always checked.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(certificate, chain, name, ocsp, now) {
            // The name is what is looked at last.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
