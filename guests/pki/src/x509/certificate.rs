//! Certificates: the to-be-signed form that is built here, and what is read out of finished ones.

use const_oid::db::rfc5280;
use der::asn1::{AnyRef, BitStringRef};
use der::flagset::FlagSet;
use der::{Decode, Encode, Sequence};
use innkeeper_guest::prelude::*;
use spki::AlgorithmIdentifierOwned;
use x509_cert::certificate::{CertificateInner, Raw, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use super::key::PublicKey;
use super::request::SignedOuter;
use super::{algorithm, encoding};

/// TBSCertificate (RFC 5280 section 4.1). x509-cert's own keeps its fields to itself.
#[derive(Sequence)]
pub(crate) struct TbsCertificate<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(crate) version: Version,
    pub(crate) serial: SerialNumber,
    pub(crate) signature: AlgorithmIdentifierOwned,
    pub(crate) issuer: AnyRef<'a>,
    pub(crate) validity: Validity,
    pub(crate) subject: Name,
    pub(crate) key: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(crate) extensions: Vec<Extension>,
}

/// Puts a signature to what was signed: the outer form of certificates, requests and revocation lists.
pub(crate) fn assemble(body: &[u8], algorithm: AlgorithmIdentifierOwned, signature: &[u8]) -> Result<Vec<u8>, Fault> {
    let body = AnyRef::from_der(body).map_err(encoding)?;
    let signature = BitStringRef::from_bytes(signature).map_err(encoding)?;
    SignedOuter { body, algorithm, signature }.to_der().map_err(encoding)
}

/// What is read out of a certificate once, so that issuing needs no parsing.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The certificate itself.
    pub(crate) der: Vec<u8>,
    /// Its serial number without leading zeros.
    pub(crate) serial: Vec<u8>,
    /// Its subject in DER.
    pub(crate) subject: Vec<u8>,
    /// Its issuer in DER.
    pub(crate) issuer: Vec<u8>,
    /// The first common name.
    pub(crate) common_name: String,
    /// Seconds since 1970.
    pub(crate) not_after: u64,
    /// Its key.
    pub(crate) key: PublicKey,
    /// The subject key identifier that it carries.
    pub(crate) subject_key: Option<Vec<u8>>,
    /// The authority key identifier that it carries.
    pub(crate) authority_key: Option<Vec<u8>>,
    /// Whether it is a CA's (RFC 5280 section 4.2.1.9).
    pub(crate) is_ca: bool,
    /// How many CAs may follow.
    pub(crate) path_length: Option<u8>,
    /// Its key usage, when it has one.
    pub(crate) key_usage: Option<FlagSet<KeyUsages>>,
}

/// Reads a certificate, also one whose serial number is not as RFC 5280 wants it.
pub(crate) fn read(der: &[u8]) -> Result<Facts, Fault> {
    let wrong = |error: der::Error| Fault::invalid(format!("unable to parse certificate: {error}"));
    let certificate = CertificateInner::<Raw>::from_der(der).map_err(wrong)?;
    let tbs = certificate.tbs_certificate();
    let spki = tbs.subject_public_key_info().to_der().map_err(wrong)?;
    let key = PublicKey::from_der(&spki)
        .map_err(|problem| Fault::invalid(format!("unable to parse certificate: {problem}")))?;
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let constraints: Option<BasicConstraints> = extension(extensions).map_err(wrong)?;
    let usage: Option<KeyUsage> = extension(extensions).map_err(wrong)?;
    let subject_key: Option<SubjectKeyIdentifier> = extension(extensions).map_err(wrong)?;
    let authority_key: Option<AuthorityKeyIdentifier> = extension(extensions).map_err(wrong)?;
    let serial = tbs.serial_number().as_bytes();
    let zeros = serial.iter().take_while(|byte| **byte == 0).count().min(serial.len().saturating_sub(1));
    Ok(Facts {
        der: der.to_vec(),
        serial: serial.get(zeros..).unwrap_or_default().to_vec(),
        subject: tbs.subject().to_der().map_err(wrong)?,
        issuer: tbs.issuer().to_der().map_err(wrong)?,
        common_name: super::name::common_name(tbs.subject()),
        not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
        key,
        subject_key: subject_key.map(|id| id.0.as_bytes().to_vec()),
        authority_key: authority_key.and_then(|id| id.key_identifier).map(|id| id.as_bytes().to_vec()),
        is_ca: constraints.as_ref().is_some_and(|constraints| constraints.ca),
        path_length: constraints.and_then(|constraints| constraints.path_len_constraint),
        key_usage: usage.map(|usage| usage.0),
    })
}

/// The extension of this type, if the certificate has it.
fn extension<T>(extensions: &[Extension]) -> Result<Option<T>, der::Error>
where
    T: const_oid::AssociatedOid + for<'a> Decode<'a, Error = der::Error>,
{
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID);
    found.map(|extension| T::from_der(extension.extn_value.as_bytes())).transpose()
}

impl Facts {
    /// The identifier that certificates below this one name as their authority's.
    pub(crate) fn key_identifier(&self) -> Vec<u8> {
        self.subject_key.clone().unwrap_or_else(|| self.key.identifier.to_vec())
    }

    /// Whether subject and issuer are the same name.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether this certificate was issued by another: the names chain, the key identifiers do not contradict, and
    /// the signature verifies.
    pub(crate) fn is_issued_by(&self, parent: &Self) -> bool {
        let identifiers = match (&self.authority_key, &parent.subject_key) {
            (Some(authority), Some(subject)) => authority == subject,
            _ => true,
        };
        identifiers && self.issuer == parent.subject && self.is_signed_by(&parent.key)
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Ok(outer) = SignedOuter::from_der(&self.der) else { return false };
        let (Some(scheme), Ok(body)) = (algorithm::scheme(&outer.algorithm), outer.body.to_der()) else {
            return false;
        };
        let signature = outer.signature.as_bytes().unwrap_or_default();
        matches!(keys::verify_with(&key.der, scheme, &body, signature), Ok(true))
    }

    /// Whether the key may sign revocation lists: a certificate without key usage may do anything (section 4.2.1.3).
    pub(crate) fn may_sign_crls(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.contains(KeyUsages::CRLSign))
    }
}

/// Extensions that a certificate gets from its issuer, never from whoever asks for it.
pub(crate) const FROM_THE_ISSUER: [const_oid::ObjectIdentifier; 3] =
    [rfc5280::ID_CE_BASIC_CONSTRAINTS, rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER, rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::damage;

    fn made_by_openssl(key: &[&str]) -> Vec<u8> {
        let fixed =
            ["req", "-x509", "-nodes", "-keyout", "/dev/null", "-days", "9", "-subj", "/O=x/CN=a", "-outform", "der"];
        let extensions = [
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-addext",
            "basicConstraints=critical,CA:TRUE,pathlen:3",
            "-addext",
            "certificatePolicies=1.2.3",
            "-set_serial",
            "0xFF01",
        ];
        // openssl adds constraints of its own, and does not replace them.
        let plain = ["-config", "/dev/null"];
        damage::from_openssl(&[&fixed[..], key, &extensions, &plain].concat())
    }

    #[test]
    fn a_certificate_of_openssl_is_read() {
        let facts = read(&made_by_openssl(&["-newkey", "ed25519"])).unwrap();
        assert_eq!((facts.serial.as_slice(), facts.common_name.as_str()), (&[0xFF, 1][..], "a"));
        assert!(facts.is_ca && facts.may_sign_crls() && facts.is_self_issued());
        assert_eq!((facts.path_length, facts.key_identifier().len()), (Some(3), 20));
    }

    #[test]
    fn no_damage_to_a_certificate_makes_it_panic() {
        for key in [&["-newkey", "rsa:2048"][..], &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]] {
            let whole = made_by_openssl(key);
            for cut in damage::truncations(&whole) {
                assert_eq!(read(cut).map(drop).unwrap_err().kind, FaultKind::InvalidRequest, "{}", cut.len());
            }
            for bad in damage::flips(&whole) {
                if let Err(fault) = read(&bad) {
                    assert_eq!(fault.kind, FaultKind::InvalidRequest, "{:?}", fault.messages);
                }
            }
        }
    }
}
