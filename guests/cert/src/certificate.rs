//! What is read out of a certificate (RFC 5280 section 4), and whether one was issued by another.

use const_oid::db::{rfc4519, rfc5280};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{AnyRef, BitStringRef};
use der::flagset::FlagSet;
use der::{Decode, Encode, Sequence};
use formats::algorithm;
use innkeeper_guest::keys::{Hash, Scheme};
use innkeeper_guest::prelude::*;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::{serial, text};

/// Largest certificate that is looked at, in bytes: as large as the host lets a client's be.
const SIZE_MAX: usize = 16 << 10;
/// Extensions that are looked at. A certificate that marks any other as critical is refused (section 4.2): also one that
/// limits names or policies, for such limits are not kept here.
const KNOWN: [ObjectIdentifier; 7] = [
    rfc5280::ID_CE_BASIC_CONSTRAINTS,
    rfc5280::ID_CE_KEY_USAGE,
    rfc5280::ID_CE_EXT_KEY_USAGE,
    rfc5280::ID_CE_SUBJECT_ALT_NAME,
    rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER,
    rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER,
    // Says what a certificate was issued for; nothing here asks for one policy or another.
    rfc5280::ID_CE_CERTIFICATE_POLICIES,
];

/// Whether a signature over a message was made with a public key (SubjectPublicKeyInfo, DER).
pub(crate) type Verify<'a> = &'a dyn Fn(&[u8], Scheme, &[u8], &[u8]) -> bool;

/// The host's own verification.
pub(crate) fn verified_by_the_host(key: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    matches!(keys::verify_with(key, scheme, message, signature), Ok(true))
}

/// A certificate, read.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The certificate itself.
    pub(crate) der: Vec<u8>,
    /// Without leading zeros.
    pub(crate) serial: Vec<u8>,
    /// In DER.
    subject: Vec<u8>,
    /// In DER.
    issuer: Vec<u8>,
    /// The last common name of the subject; empty when there is none that is text.
    pub(crate) common_name: String,
    pub(crate) units: Vec<String>,
    pub(crate) dns_names: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) uris: Vec<String>,
    /// Seconds since 1970.
    not_before: u64,
    /// Seconds since 1970; the certificate is good until its end.
    not_after: u64,
    /// SubjectPublicKeyInfo in DER.
    pub(crate) key: Vec<u8>,
    pub(crate) subject_key: Vec<u8>,
    pub(crate) authority_key: Vec<u8>,
    pub(crate) is_ca: bool,
    key_usage: Option<FlagSet<KeyUsages>>,
    extended_key_usage: Option<Vec<ObjectIdentifier>>,
    /// Each extension's value in DER.
    pub(crate) extensions: Vec<(String, Vec<u8>)>,
}

/// The outer form of a certificate (section 4.1), with the signed bytes as they came.
#[derive(Sequence)]
struct Outer<'a> {
    body: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitStringRef<'a>,
}

impl Facts {
    /// Reads a certificate. What cannot be judged here is an error, in words that follow "certificate".
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        if der.len() > SIZE_MAX {
            return Err("has more than 16 KiB".to_owned());
        }
        let wrong = |error: der::Error| format!("is malformed: {error}");
        let certificate = CertificateInner::<Raw>::from_der(der).map_err(wrong)?;
        let tbs = certificate.tbs_certificate();
        let bytes = tbs.serial_number().as_bytes();
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            return Err("has a negative serial number".to_owned());
        }
        let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
        judge(extensions)?;
        let mut facts = Self {
            der: der.to_vec(),
            serial: serial::plain(bytes).to_vec(),
            subject: tbs.subject().to_der().map_err(wrong)?,
            issuer: tbs.issuer().to_der().map_err(wrong)?,
            common_name: texts(tbs.subject(), rfc4519::COMMON_NAME).pop().unwrap_or_default(),
            units: texts(tbs.subject(), rfc4519::ORGANIZATIONAL_UNIT_NAME),
            dns_names: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            not_before: tbs.validity().not_before.to_unix_duration().as_secs(),
            not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
            key: tbs.subject_public_key_info().to_der().map_err(wrong)?,
            subject_key: Vec::new(),
            authority_key: Vec::new(),
            is_ca: false,
            key_usage: None,
            extended_key_usage: None,
            extensions: extensions.iter().map(|e| (e.extn_id.to_string(), e.extn_value.as_bytes().to_vec())).collect(),
        };
        facts.take_extensions(tbs).map_err(wrong)?;
        Ok(facts)
    }

    fn take_extensions(&mut self, tbs: &TbsCertificateInner<Raw>) -> Result<(), der::Error> {
        let constraints: Option<BasicConstraints> = extension(tbs)?;
        self.is_ca = constraints.is_some_and(|constraints| constraints.ca);
        self.key_usage = extension::<KeyUsage>(tbs)?.map(|usage| usage.0);
        self.extended_key_usage = extension::<ExtendedKeyUsage>(tbs)?.map(|usages| usages.0);
        let subject_key: Option<SubjectKeyIdentifier> = extension(tbs)?;
        self.subject_key = subject_key.map(|id| id.0.as_bytes().to_vec()).unwrap_or_default();
        let authority_key: Option<AuthorityKeyIdentifier> = extension(tbs)?;
        let authority_key = authority_key.and_then(|id| id.key_identifier);
        self.authority_key = authority_key.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        for name in extension::<SubjectAltName>(tbs)?.map(|names| names.0).unwrap_or_default() {
            match name {
                GeneralName::DnsName(name) => self.dns_names.push(name.as_str().to_owned()),
                GeneralName::Rfc822Name(name) => self.emails.push(name.as_str().to_owned()),
                GeneralName::UniformResourceIdentifier(name) => self.uris.push(name.as_str().to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses a certificate at a time that it is not for, in words that follow "certificate".
    pub(crate) fn check_time(&self, now: u64) -> Result<(), &'static str> {
        if (self.not_before..=self.not_after).contains(&now) { Ok(()) } else { Err("has expired or is not yet valid") }
    }

    /// Whether it may be shown by a client (section 4.2.1.12), or issue to clients.
    pub(crate) fn is_for_clients(&self) -> bool {
        let fits = |usage: &ObjectIdentifier| {
            *usage == rfc5280::ID_KP_CLIENT_AUTH || *usage == rfc5280::ANY_EXTENDED_KEY_USAGE
        };
        self.extended_key_usage.as_ref().is_none_or(|usages| usages.iter().any(fits))
    }

    /// Whether it may sign certificates: an authority's (section 4.2.1.9), whose key is for that (section 4.2.1.3).
    pub(crate) fn may_issue(&self) -> bool {
        self.is_ca && self.key_usage.is_none_or(|usage| usage.contains(KeyUsages::KeyCertSign))
    }

    /// Whether it was issued by an authority: the names follow each other, the key identifiers do not contradict that,
    /// and the signature is the authority's. How long a path may be (section 4.2.1.9) is no question: there is nothing
    /// between the two.
    pub(crate) fn is_issued_by(&self, authority: &Self, verify: Verify<'_>) -> bool {
        let (mine, theirs) = (&self.authority_key, &authority.subject_key);
        let identifiers = mine.is_empty() || theirs.is_empty() || mine == theirs;
        identifiers && self.issuer == authority.subject && self.is_signed_with(&authority.key, verify)
    }

    fn is_signed_with(&self, key: &[u8], verify: Verify<'_>) -> bool {
        let Ok(outer) = Outer::from_der(&self.der) else { return false };
        // SHA-1 can be made to say anything.
        let scheme =
            algorithm::scheme(&outer.algorithm).filter(|scheme| !matches!(scheme, Scheme::Pkcs1v15(Hash::Sha1)));
        let (Some(scheme), Ok(body), Some(signature)) = (scheme, outer.body.to_der(), outer.signature.as_bytes())
        else {
            return false;
        };
        verify(key, scheme, &body, signature)
    }
}

/// Refuses extensions that cannot be judged here.
fn judge(extensions: &[Extension]) -> Result<(), String> {
    for (at, extension) in extensions.iter().enumerate() {
        let oid = extension.extn_id;
        if extensions.iter().take(at).any(|other| other.extn_id == oid) {
            return Err(format!("has the extension {oid} twice"));
        }
        // Limits of names are to be marked critical, and hold where they are not.
        if oid == rfc5280::ID_CE_NAME_CONSTRAINTS || (extension.critical && !KNOWN.contains(&oid)) {
            return Err(format!("has the extension {oid}, which limits it in a way that is not known here"));
        }
    }
    Ok(())
}

/// The extension of this type, if the certificate has it.
fn extension<T>(tbs: &TbsCertificateInner<Raw>) -> Result<Option<T>, der::Error>
where
    T: AssociatedOid + for<'a> Decode<'a, Error = der::Error>,
{
    let found = tbs.extensions().and_then(|all| all.iter().find(|extension| extension.extn_id == T::OID));
    found.map(|extension| T::from_der(extension.extn_value.as_bytes())).transpose()
}

/// The values of an attribute of a name that are text, in order.
fn texts(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    let values = name.iter().filter(|part| part.oid == oid);
    values.filter_map(|part| text::of(AnyRef::from(&part.value))).collect()
}

#[cfg(test)]
pub(crate) mod tests;
