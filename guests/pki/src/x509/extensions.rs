//! Certificate extensions (RFC 5280 section 4.2), each as a function from plain values to DER.

use const_oid::{AssociatedOid, ObjectIdentifier};
use der::Encode;
use der::asn1::{Any, Ia5StringRef, OctetString};
use der::flagset::FlagSet;
use innkeeper_guest::prelude::*;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::{DisplayText, PolicyInformation, PolicyQualifierInfo, UserNotice};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::encoding;
use super::names::{Names, ascii};

const OCSP: ObjectIdentifier = const_oid::db::rfc5280::ID_AD_OCSP;
const CA_ISSUERS: ObjectIdentifier = const_oid::db::rfc5280::ID_AD_CA_ISSUERS;
const CPS: ObjectIdentifier = const_oid::db::rfc5280::ID_QT_CPS;
const USER_NOTICE: ObjectIdentifier = const_oid::db::rfc5280::ID_QT_UNOTICE;

/// A certificate policy with its qualifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) notice: String,
    pub(crate) cps: String,
}

/// An extension from its type.
pub(crate) fn of<T: AssociatedOid + Encode>(critical: bool, value: &T) -> Result<Extension, Fault> {
    let bytes = value.to_der().map_err(encoding)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(bytes).map_err(encoding)? })
}

/// Key usage, always critical (section 4.2.1.3).
pub(crate) fn key_usage(usages: FlagSet<KeyUsages>) -> Result<Extension, Fault> {
    of(true, &KeyUsage(usages))
}

/// Extended key usage (section 4.2.1.12).
pub(crate) fn extended_key_usage(usages: &[ObjectIdentifier]) -> Result<Extension, Fault> {
    of(false, &ExtendedKeyUsage(usages.to_vec()))
}

/// Basic constraints, critical (section 4.2.1.9).
pub(crate) fn basic_constraints(ca: bool, path_length: Option<u8>) -> Result<Extension, Fault> {
    of(true, &BasicConstraints { ca, path_len_constraint: path_length })
}

/// Subject key identifier (section 4.2.1.2).
pub(crate) fn subject_key(identifier: &[u8]) -> Result<Extension, Fault> {
    of(false, &SubjectKeyIdentifier(OctetString::new(identifier).map_err(encoding)?))
}

/// Authority key identifier: the issuer's subject key identifier (section 4.2.1.1).
pub(crate) fn authority_key(identifier: &[u8]) -> Result<Extension, Fault> {
    let key_identifier = Some(OctetString::new(identifier).map_err(encoding)?);
    of(false, &AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() })
}

/// Subject alternative names, critical when the subject is empty (section 4.2.1.6).
pub(crate) fn alternative_names(names: &Names, subject_is_empty: bool) -> Result<Extension, Fault> {
    of(subject_is_empty, &SubjectAltName(names.general()?))
}

/// Authority information access (section 4.2.2.1); nothing when there is nothing to say.
pub(crate) fn authority_information(ocsp: &[String], issuers: &[String]) -> Result<Option<Extension>, Fault> {
    let mut access = Vec::new();
    for (method, urls) in [(OCSP, ocsp), (CA_ISSUERS, issuers)] {
        for url in urls {
            access.push(AccessDescription { access_method: method, access_location: uri(url)? });
        }
    }
    if access.is_empty() { Ok(None) } else { of(false, &AuthorityInfoAccessSyntax(access)).map(Some) }
}

/// CRL distribution points (section 4.2.1.13), one for each address.
pub(crate) fn distribution_points(urls: &[String]) -> Result<Option<Extension>, Fault> {
    let mut points = Vec::new();
    for url in urls {
        let name = DistributionPointName::FullName(vec![uri(url)?]);
        points.push(DistributionPoint { distribution_point: Some(name), reasons: None, crl_issuer: None });
    }
    if points.is_empty() { Ok(None) } else { of(false, &CrlDistributionPoints(points)).map(Some) }
}

/// Certificate policies (section 4.2.1.4).
pub(crate) fn policies(policies: &[Policy]) -> Result<Extension, Fault> {
    let mut list = Vec::new();
    for policy in policies {
        let mut qualifiers = Vec::new();
        if !policy.cps.is_empty() {
            let cps = Ia5StringRef::new(&policy.cps).map_err(|_| Fault::invalid("cps: must be ASCII"))?;
            let qualifier = Some(Any::encode_from(&cps).map_err(encoding)?);
            qualifiers.push(PolicyQualifierInfo { policy_qualifier_id: CPS, qualifier });
        }
        if !policy.notice.is_empty() {
            let explicit_text = Some(DisplayText::Utf8String(policy.notice.clone()));
            let notice = UserNotice { notice_ref: None, explicit_text };
            let qualifier = Some(Any::encode_from(&notice).map_err(encoding)?);
            qualifiers.push(PolicyQualifierInfo { policy_qualifier_id: USER_NOTICE, qualifier });
        }
        let policy_qualifiers = (!qualifiers.is_empty()).then_some(qualifiers);
        list.push(PolicyInformation { policy_identifier: policy.oid, policy_qualifiers });
    }
    of(false, &CertificatePolicies(list))
}

fn uri(url: &str) -> Result<GeneralName, Fault> {
    ascii("URL", url).map(GeneralName::UniformResourceIdentifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(extension: &Extension) -> String {
        hex::encode(extension.extn_value.as_bytes())
    }

    #[test]
    fn extensions_are_encoded_as_openssl_does() {
        let ca = key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign).unwrap();
        assert_eq!((value(&ca).as_str(), ca.critical), ("03020106", true));
        let leaf = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | KeyUsages::KeyAgreement;
        assert_eq!(value(&key_usage(leaf).unwrap()), "030203a8");
        assert_eq!(value(&key_usage(KeyUsages::DecipherOnly.into()).unwrap()), "0303070080");
        assert_eq!(value(&basic_constraints(true, None).unwrap()), "30030101ff");
        assert_eq!(value(&basic_constraints(true, Some(0)).unwrap()), "30060101ff020100");
        assert_eq!(value(&basic_constraints(false, None).unwrap()), "3000");
        assert_eq!(value(&subject_key(&[1, 2]).unwrap()), "04020102");
        assert_eq!(value(&authority_key(&[1, 2]).unwrap()), "300480020102");
    }

    #[test]
    fn addresses_are_encoded_as_openssl_does() {
        let urls = ["http://a".to_owned()];
        let access = authority_information(&urls, &urls).unwrap().unwrap();
        assert_eq!(
            value(&access),
            "3028301406082b060105050730018608687474703a2f2f61301006082b06010505073002\
             8608687474703a2f2f61"
                .replace("301006", "301406")
                .replace("3028", "302c")
        );
        let points = distribution_points(&urls).unwrap().unwrap();
        assert_eq!(value(&points), "3010300ea00ca00a8608687474703a2f2f61");
        assert_eq!(distribution_points(&[]), Ok(None));
    }

    #[test]
    fn policies_carry_their_qualifiers() {
        let policy = Policy { oid: ObjectIdentifier::new_unwrap("1.2.3"), notice: "n".into(), cps: "http://a".into() };
        assert_eq!(
            value(&policies(&[policy]).unwrap()),
            "302f302d06022a033027301406082b0601050507020116\
             08687474703a2f2f61300f06082b06010505070202300 30c016e"
                .replace(' ', "")
        );
    }
}
