//! Certificates of clients in the handshake.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::{Failure, Rules, read};

type Verifier = Arc<dyn ClientCertVerifier>;

/// What looks at the certificates of clients; nothing where they are not asked for one.
pub(super) fn verifier(rules: &Rules, provider: Arc<CryptoProvider>) -> Result<Option<Verifier>, Failure> {
    if !rules.ask_client {
        return Ok(None);
    }
    let Some(file) = &rules.client_ca else { return Ok(Some(Arc::new(Held { provider }))) };
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
        let refused = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
        authorities.add(certificate.map_err(|e| refused(&e))?).map_err(|e| refused(&e))?;
    }
    if authorities.is_empty() {
        return Err(format!("{} holds no certificate", file.display()).into());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let builder = if rules.require_client { builder } else { builder.allow_unauthenticated() };
    Ok(Some(builder.build()?))
}

/// Takes any certificate whose key the client proves to hold. Who may do what with it is decided where somebody logs in
/// with it, and that compares the certificate with those that an operator trusts.
#[derive(Debug)]
struct Held {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Held {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
