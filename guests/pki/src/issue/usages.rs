//! Key usages by the names that roles give them.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::flagset::FlagSet;
use innkeeper_guest::prelude::*;
use x509_cert::ext::pkix::KeyUsages;

use crate::records::Role;

const KEY_USAGES: [(&str, KeyUsages); 9] = [
    ("digitalsignature", KeyUsages::DigitalSignature),
    ("contentcommitment", KeyUsages::NonRepudiation),
    ("keyencipherment", KeyUsages::KeyEncipherment),
    ("dataencipherment", KeyUsages::DataEncipherment),
    ("keyagreement", KeyUsages::KeyAgreement),
    ("certsign", KeyUsages::KeyCertSign),
    ("crlsign", KeyUsages::CRLSign),
    ("encipheronly", KeyUsages::EncipherOnly),
    ("decipheronly", KeyUsages::DecipherOnly),
];

const EXTENDED: [(&str, ObjectIdentifier); 12] = [
    ("any", rfc5280::ANY_EXTENDED_KEY_USAGE),
    ("serverauth", rfc5280::ID_KP_SERVER_AUTH),
    ("clientauth", rfc5280::ID_KP_CLIENT_AUTH),
    ("codesigning", rfc5280::ID_KP_CODE_SIGNING),
    ("emailprotection", rfc5280::ID_KP_EMAIL_PROTECTION),
    ("ipsecendsystem", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.5")),
    ("ipsectunnel", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.6")),
    ("ipsecuser", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.7")),
    ("timestamping", rfc5280::ID_KP_TIME_STAMPING),
    ("ocspsigning", rfc5280::ID_KP_OCSP_SIGNING),
    ("microsoftservergatedcrypto", ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.3.3")),
    ("netscapeservergatedcrypto", ObjectIdentifier::new_unwrap("2.16.840.1.113730.4.1")),
];

/// The key usages of these names. Unknown names are passed over, as the reference does.
pub(crate) fn key_usage(names: &[String]) -> FlagSet<KeyUsages> {
    let mut usages = FlagSet::default();
    for name in names {
        let name = name.trim().to_ascii_lowercase();
        if let Some((_, usage)) = KEY_USAGES.iter().find(|(known, _)| *known == name) {
            usages |= *usage;
        }
    }
    usages
}

/// What CAs are for.
pub(crate) fn of_a_ca() -> FlagSet<KeyUsages> {
    KeyUsages::KeyCertSign | KeyUsages::CRLSign
}

/// The extended key usages of a role: its flags, its names, its identifiers.
pub(crate) fn extended(role: &Role) -> Result<Vec<ObjectIdentifier>, Fault> {
    let flags = [
        (role.server_flag, rfc5280::ID_KP_SERVER_AUTH),
        (role.client_flag, rfc5280::ID_KP_CLIENT_AUTH),
        (role.code_signing_flag, rfc5280::ID_KP_CODE_SIGNING),
        (role.email_protection_flag, rfc5280::ID_KP_EMAIL_PROTECTION),
    ];
    let mut usages: Vec<ObjectIdentifier> = flags.iter().filter(|(set, _)| *set).map(|(_, oid)| *oid).collect();
    usages.extend(named(&role.ext_key_usage, &role.ext_key_usage_oids)?);
    let mut seen = Vec::new();
    usages.retain(|oid| !seen.contains(oid) && (seen.push(*oid), true).1);
    Ok(usages)
}

/// The extended key usages of these names and identifiers. Unknown names are passed over.
pub(crate) fn named(names: &[String], oids: &[String]) -> Result<Vec<ObjectIdentifier>, Fault> {
    let mut usages = Vec::new();
    for name in names {
        let name = name.trim().to_ascii_lowercase();
        usages.extend(EXTENDED.iter().find(|(known, _)| *known == name).map(|(_, oid)| *oid));
    }
    for text in oids {
        usages.push(oid(text)?);
    }
    Ok(usages)
}

/// Reads an object identifier of `ext_key_usage_oids`.
pub(crate) fn oid(text: &str) -> Result<ObjectIdentifier, Fault> {
    ObjectIdentifier::new(text.trim()).map_err(|_| {
        Fault::invalid(format!("ext_key_usage_oids: {text:?} could not be parsed as an object identifier"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_names_and_identifiers_add_up_without_doubles() {
        let role = Role {
            client_flag: false,
            ext_key_usage: vec!["ServerAuth".into(), "TimeStamping".into(), "nonsense".into()],
            ext_key_usage_oids: vec!["1.2.3".into()],
            ..Role::default()
        };
        let oids: Vec<String> = extended(&role).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(oids, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.8", "1.2.3"]);
    }

    #[test]
    fn key_usages_are_read_in_any_case_and_unknown_ones_passed_over() {
        let usages = key_usage(&["digitalSIGNATURE".into(), "CertSign".into(), "x".into()]);
        assert_eq!(usages, KeyUsages::DigitalSignature | KeyUsages::KeyCertSign);
        assert!(key_usage(&[]).is_empty());
    }
}
