//! Certification requests (RFC 2986): read within bounds, their proof of possession checked over the bytes as sent.

use const_oid::db::rfc5280;
use der::asn1::{Any, AnyRef, BitStringRef, SetOfVec};
use der::{Decode, Encode, Sequence};
use innkeeper_guest::prelude::*;
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::key::{KeyProblem, PublicKey, RSA_TOO_SHORT};
use super::names::Names;
use super::{algorithm, encoding};
use formats::pem;

/// The attribute that holds the extensions asked for (RFC 2985 section 5.4.2).
const EXTENSION_REQUEST: const_oid::ObjectIdentifier = const_oid::db::rfc5912::ID_EXTENSION_REQ;
/// Longest request that is looked at.
const REQUEST_MAX: usize = 64 * 1024;

/// What three kinds of signed things look like from outside: certificates, requests and revocation lists.
#[derive(Sequence)]
pub(crate) struct SignedOuter<'a> {
    /// What was signed, as its bytes were.
    pub(crate) body: AnyRef<'a>,
    /// How.
    pub(crate) algorithm: AlgorithmIdentifierOwned,
    /// The signature.
    pub(crate) signature: BitStringRef<'a>,
}

/// A request whose signature was verified.
pub(crate) struct Request {
    /// The subject as sent.
    pub(crate) subject: Name,
    /// The key to be certified.
    pub(crate) key: PublicKey,
    /// The extensions asked for.
    pub(crate) extensions: Vec<Extension>,
    /// The alternative names among them.
    pub(crate) names: Names,
}

/// Reads and verifies a request in PEM or base64 of DER.
pub(crate) fn read(text: &str) -> Result<Request, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::invalid("\"csr\" is empty"));
    }
    if text.len() > 2 * REQUEST_MAX {
        return Err(Fault::invalid(format!("csr: must be at most {REQUEST_MAX} bytes of DER")));
    }
    let der = pem::decode_one(text).ok_or_else(|| Fault::invalid("csr contains no data"))?;
    if der.len() > REQUEST_MAX {
        return Err(Fault::invalid(format!("csr: must be at most {REQUEST_MAX} bytes of DER")));
    }
    let (request, key) = parse(&der)?;
    verify(&der, &key)?;
    content(request, key)
}

/// The same without verifying anything: for fuzzing only.
#[cfg(feature = "fuzzing")]
pub(crate) fn unverified(der: &[u8]) -> Result<Request, Fault> {
    let (request, key) = parse(der)?;
    content(request, key)
}

fn parse(der: &[u8]) -> Result<(CertReq, PublicKey), Fault> {
    let request = CertReq::from_der(der).map_err(unparsable)?;
    let spki = request.info.public_key.to_der().map_err(unparsable)?;
    let key = PublicKey::from_der(&spki).map_err(refused)?;
    Ok((request, key))
}

/// What a request asks for. Its signature must have been verified.
fn content(request: CertReq, key: PublicKey) -> Result<Request, Fault> {
    let mut extensions = Vec::new();
    for attribute in request.info.attributes.iter().filter(|attribute| attribute.oid == EXTENSION_REQUEST) {
        for value in attribute.values.iter() {
            let bytes = value.to_der().map_err(unparsable)?;
            extensions.extend(ExtensionReq::from_der(&bytes).map_err(unparsable)?.0);
        }
    }
    if let Some(double) = extensions.iter().enumerate().find_map(|(at, one)| {
        extensions.iter().take(at).any(|other| other.extn_id == one.extn_id).then_some(one.extn_id)
    }) {
        return Err(Fault::invalid(format!(
            "certificate request could not be parsed: extension {double} is there twice"
        )));
    }
    let san = extensions.iter().find(|extension| extension.extn_id == rfc5280::ID_CE_SUBJECT_ALT_NAME);
    let names = match san {
        Some(extension) => Names::from_extension(extension.extn_value.as_bytes()).map_err(unparsable)?,
        None => Names::default(),
    };
    Ok(Request { subject: request.info.subject, key, extensions, names })
}

/// The bytes of a request to be signed, for this subject and key and with these extensions asked for.
pub(crate) fn to_be_signed(subject: &Name, key: &PublicKey, extensions: Vec<Extension>) -> Result<Vec<u8>, Fault> {
    let mut attributes = SetOfVec::new();
    if !extensions.is_empty() {
        let wanted = Any::encode_from(&ExtensionReq(extensions)).map_err(encoding)?;
        let values = SetOfVec::try_from(vec![wanted]).map_err(encoding)?;
        attributes.insert(Attribute { oid: EXTENSION_REQUEST, values }).map_err(encoding)?;
    }
    let public_key = spki::SubjectPublicKeyInfoOwned::from_der(&key.der).map_err(encoding)?;
    let info = CertReqInfo { version: Version::V1, subject: subject.clone(), public_key, attributes };
    info.to_der().map_err(encoding)
}

/// Verifies the proof of possession over the original bytes: what is re-encoded may differ from what was signed.
fn verify(der: &[u8], key: &PublicKey) -> Result<(), Fault> {
    let outer = SignedOuter::from_der(der).map_err(unparsable)?;
    let scheme = algorithm::scheme(&outer.algorithm).ok_or_else(|| {
        Fault::invalid(format!("request signature invalid: unknown algorithm {}", outer.algorithm.oid))
    })?;
    let body = outer.body.to_der().map_err(unparsable)?;
    let signature = outer.signature.as_bytes().unwrap_or_default();
    match keys::verify_with(&key.der, scheme, &body, signature) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::invalid("request signature invalid")),
        Err(error) => Err(Fault::from(error).context("request signature invalid")),
    }
}

fn unparsable(error: der::Error) -> Fault {
    Fault::invalid(format!("certificate request could not be parsed: {error}"))
}

fn refused(problem: KeyProblem) -> Fault {
    match problem {
        KeyProblem::Malformed => Fault::invalid("certificate request could not be parsed: the public key is malformed"),
        KeyProblem::Unknown(kind) => Fault::invalid(format!("Unknown key type in CSR: {kind}")),
        KeyProblem::TooShort => Fault::invalid(RSA_TOO_SHORT),
    }
}

impl Request {
    /// The extension with this identifier.
    pub(crate) fn extension(&self, oid: const_oid::ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.extn_id == oid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::damage;

    fn message(text: &str) -> String {
        read(text).err().map(|fault| fault.messages.concat()).unwrap_or_default()
    }

    #[test]
    fn garbage_is_refused_with_the_words_of_the_reference() {
        assert_eq!(message(""), "\"csr\" is empty");
        assert_eq!(message("-----BEGIN X-----\n-----END X-----"), "csr contains no data");
        assert_eq!(message("not base64!"), "csr contains no data");
        assert!(message("AAAA").starts_with("certificate request could not be parsed: "));
        assert!(message(&"A".repeat(3 * REQUEST_MAX)).starts_with("csr: must be at most"));
    }

    #[test]
    fn no_damage_to_a_request_makes_it_panic() {
        let extensions = "subjectAltName=DNS:a.example.com,IP:10.0.0.1,email:a@b.c,URI:x:y,otherName:1.2.3;UTF8:z";
        let whole = damage::from_openssl(&[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/C=CH/O=x/CN=a.example.com/serialNumber=1/UID=u",
            "-addext",
            extensions,
            "-addext",
            "basicConstraints=CA:TRUE",
            "-outform",
            "der",
        ]);
        let (request, key) = parse(&whole).unwrap();
        let request = content(request, key).unwrap();
        assert_eq!((request.names.dns.len(), request.names.others.len(), request.extensions.len()), (1, 1, 2));
        for cut in damage::truncations(&whole) {
            let text = pem::encode(pem::REQUEST, cut);
            assert!(message(&text).starts_with("certificate request could not be parsed: "), "{}", cut.len());
        }
        for bad in damage::flips(&whole) {
            if let Err(fault) = parse(&bad).and_then(|(request, key)| content(request, key).map(drop)) {
                assert_eq!(fault.kind, FaultKind::InvalidRequest, "{:?}", fault.messages);
            }
        }
    }
}
