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
pub(crate) mod tests {
    use std::process::Command;

    use formats::pem;

    use super::*;

    /// A signature of anybody over anything.
    pub(crate) fn trusting(_: &[u8], _: Scheme, _: &[u8], _: &[u8]) -> bool {
        true
    }

    /// A certificate that openssl makes, signed by its own key: subject, extensions.
    pub(crate) fn made(subject: &str, extensions: &[&str], more: &[&str]) -> Vec<u8> {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-nodes", "-newkey", "ed25519", "-keyout", "/dev/null", "-config", "/dev/null"]);
        openssl.args(["-subj", subject, "-addext", "subjectKeyIdentifier=hash"]).args(more);
        for extension in extensions {
            openssl.args(["-addext", extension]);
        }
        let output = openssl.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        pem::decode_one(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
    }

    /// The same certificate, as if it had been for the year 2020; its signature no longer fits.
    pub(crate) fn aged(mut der: Vec<u8>) -> Vec<u8> {
        for (at, year) in [(0, b"20"), (1, b"21")] {
            let times: Vec<usize> =
                der.windows(2).enumerate().filter(|(_, w)| *w == b"\x17\x0d").map(|(at, _)| at).collect();
            der[times[at] + 2..times[at] + 4].copy_from_slice(year);
        }
        der
    }

    #[test]
    fn a_certificate_of_openssl_is_read() {
        let extensions = [
            "subjectAltName=DNS:a.example,email:a@b.example,URI:spiffe://x/y,IP:10.0.0.1",
            "extendedKeyUsage=clientAuth",
            "keyUsage=critical,digitalSignature",
            "1.3.6.1.4.1.55555.1=ASN1:UTF8String:blue",
        ];
        let facts =
            Facts::read(&made("/OU=one/OU=two/CN=first/CN=last", &extensions, &["-set_serial", "0xff01"])).unwrap();
        assert_eq!((facts.common_name.as_str(), facts.serial.as_slice()), ("last", &[0xff, 1][..]));
        assert_eq!(facts.units, ["one", "two"]);
        assert_eq!((facts.dns_names, facts.emails), (vec!["a.example".to_owned()], vec!["a@b.example".to_owned()]));
        assert_eq!(facts.uris, ["spiffe://x/y"]);
        assert!(facts.extensions.iter().any(|(oid, value)| oid == "1.3.6.1.4.1.55555.1" && value == b"\x0c\x04blue"));
        assert_eq!((facts.subject_key.len(), facts.key.len()), (20, 44));
    }

    #[test]
    fn who_may_issue_and_who_may_log_in_is_in_the_extensions() {
        for (extensions, issues, logs_in) in [
            (&["basicConstraints=critical,CA:TRUE"][..], true, true),
            (&["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"], true, true),
            (&["basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature"], false, true),
            (&["basicConstraints=critical,CA:FALSE"], false, true),
            (&["extendedKeyUsage=serverAuth"], false, false),
            (&["extendedKeyUsage=serverAuth,clientAuth"], false, true),
            (&["extendedKeyUsage=anyExtendedKeyUsage"], false, true),
        ] {
            let facts = Facts::read(&made("/CN=a", extensions, &[])).unwrap();
            assert_eq!((facts.may_issue(), facts.is_for_clients()), (issues, logs_in), "{extensions:?}");
        }
    }

    #[test]
    fn a_certificate_with_limits_that_are_not_known_is_refused() {
        for extensions in [
            &["1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:x"][..],
            &["nameConstraints=critical,permitted;DNS:example.com"],
            &["nameConstraints=permitted;DNS:example.com"],
            &["policyConstraints=critical,requireExplicitPolicy:0"],
        ] {
            let refused = Facts::read(&made("/CN=a", extensions, &[])).map(drop).unwrap_err();
            assert!(refused.contains("not known here"), "{extensions:?}: {refused}");
        }
        assert!(Facts::read(&made("/CN=a", &["1.3.6.1.4.1.55555.1=ASN1:UTF8String:x"], &[])).is_ok());
    }

    #[test]
    fn an_issuer_is_known_by_its_name_its_key_and_its_signature() {
        let subject = Facts::read(&made("/CN=a", &[], &[])).unwrap();
        let renamed = Facts::read(&made("/CN=b", &[], &[])).unwrap();
        let replaced = Facts::read(&made("/CN=a", &[], &[])).unwrap();
        assert!(subject.is_issued_by(&subject, &trusting));
        assert!(!subject.is_issued_by(&renamed, &trusting), "another name");
        let named = Facts { authority_key: subject.subject_key.clone(), ..subject.clone() };
        assert!(!named.is_issued_by(&replaced, &trusting), "another key");
        assert!(!subject.is_issued_by(&subject, &|_, _, _, _| false), "another signature");
        let signed = |key: &[u8], scheme, body: &[u8], signature: &[u8]| {
            key == subject.key
                && matches!(scheme, Scheme::Ed25519)
                && body.starts_with(&[0x30])
                && signature.len() == 64
        };
        assert!(subject.is_issued_by(&subject, &signed));
    }

    #[test]
    fn a_certificate_is_good_from_its_first_to_its_last_second() {
        let facts = Facts { not_before: 10, not_after: 20, ..Facts::read(&made("/CN=a", &[], &[])).unwrap() };
        for (now, good) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(facts.check_time(now).is_ok(), good, "{now}");
        }
    }

    #[test]
    fn no_damage_to_a_certificate_makes_it_panic() {
        let whole = made("/OU=o/CN=a", &["subjectAltName=DNS:a.example", "basicConstraints=critical,CA:TRUE"], &[]);
        for length in 0..whole.len() {
            assert!(Facts::read(&whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            for bit in [1, 0x20, 0x80] {
                let mut bad = whole.clone();
                bad[at] ^= bit;
                let _ = Facts::read(&bad).map(|facts| facts.is_issued_by(&facts, &trusting));
            }
        }
    }
}
