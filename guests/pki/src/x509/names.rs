//! Subject alternative names (RFC 5280 section 4.2.1.6).

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use der::asn1::{Any, Ia5String, Utf8StringRef};
use der::{Decode, Encode};
use innkeeper_guest::prelude::*;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames, OtherName};

use super::encoding;

/// Alternative names, sorted by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) dns: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) uris: Vec<String>,
    pub(crate) others: Vec<OtherText>,
}

/// An otherName that holds UTF-8 text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherText {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) text: String,
}

impl OtherText {
    /// Reads `oid;UTF8:text`.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::invalid(format!("expected format `oid;UTF8:value` for other SAN, got {text:?}"));
        let (oid, rest) = text.split_once(';').ok_or_else(wrong)?;
        let (kind, value) = rest.split_once(':').ok_or_else(wrong)?;
        if !matches!(kind.trim().to_ascii_lowercase().as_str(), "utf8" | "utf-8") {
            return Err(wrong());
        }
        let oid = ObjectIdentifier::new(oid.trim())
            .map_err(|_| Fault::invalid(format!("invalid OID in other SAN {text:?}")))?;
        Ok(Self { oid, text: value.to_owned() })
    }
}

impl Names {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.dns.is_empty()
            && self.emails.is_empty()
            && self.ips.is_empty()
            && self.uris.is_empty()
            && self.others.is_empty()
    }

    /// The same without doubles, DNS names and e-mail addresses in order.
    pub(crate) fn tidied(mut self) -> Self {
        for list in [&mut self.dns, &mut self.emails] {
            list.sort();
            list.dedup();
        }
        let mut seen = Vec::new();
        self.uris.retain(|uri| !seen.contains(uri) && (seen.push(uri.clone()), true).1);
        let mut seen = Vec::new();
        self.ips.retain(|ip| !seen.contains(ip) && (seen.push(*ip), true).1);
        self
    }

    /// The names as the extension holds them.
    pub(crate) fn general(&self) -> Result<GeneralNames, Fault> {
        let mut names = GeneralNames::new();
        for other in &self.others {
            let text = Utf8StringRef::new(&other.text).map_err(encoding)?;
            let value = Any::encode_from(&text).map_err(encoding)?;
            names.push(GeneralName::OtherName(OtherName { type_id: other.oid, value }));
        }
        for dns in &self.dns {
            names.push(GeneralName::DnsName(ascii("DNS name", dns)?));
        }
        for email in &self.emails {
            names.push(GeneralName::Rfc822Name(ascii("email address", email)?));
        }
        names.extend(self.ips.iter().map(|ip| GeneralName::from(*ip)));
        for uri in &self.uris {
            names.push(GeneralName::UniformResourceIdentifier(ascii("URI", uri)?));
        }
        Ok(names)
    }

    /// The names in the value of the extension. Kinds that this engine has no words for are left out.
    pub(crate) fn from_extension(value: &[u8]) -> Result<Self, der::Error> {
        let mut names = Self::default();
        for name in SubjectAltName::from_der(value)?.0 {
            match name {
                GeneralName::DnsName(text) => names.dns.push(text.as_str().to_owned()),
                GeneralName::Rfc822Name(text) => names.emails.push(text.as_str().to_owned()),
                GeneralName::UniformResourceIdentifier(text) => names.uris.push(text.as_str().to_owned()),
                GeneralName::IpAddress(bytes) => names.ips.extend(ip(bytes.as_bytes())),
                GeneralName::OtherName(other) => {
                    // The value is wrapped once, in [0] EXPLICIT, which `OtherName` has taken off.
                    if let Ok(bytes) = other.value.to_der()
                        && let Ok(text) = String::from_der(&bytes)
                    {
                        names.others.push(OtherText { oid: other.type_id, text });
                    }
                }
                GeneralName::DirectoryName(_) | GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => {}
            }
        }
        Ok(names)
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// RFC 5280 writes all of these in IA5String.
pub(crate) fn ascii(what: &str, text: &str) -> Result<Ia5String, Fault> {
    Ia5String::new(text).map_err(|_| Fault::invalid(format!("the {what} {text:?} has characters outside ASCII")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_as_written() {
        let names = Names {
            dns: vec!["a.example.com".into()],
            emails: vec!["a@example.com".into()],
            ips: vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            uris: vec!["spiffe://a/b".into()],
            others: vec![OtherText::parse("1.3.6.1.4.1.311.20.2.3;UTF8:devops@example.com").unwrap()],
        };
        let der = SubjectAltName(names.general().unwrap()).to_der().unwrap();
        assert_eq!(Names::from_extension(&der), Ok(names));
    }

    #[test]
    fn an_other_name_is_encoded_as_openssl_does() {
        // openssl x509 with subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a
        let names =
            Names { others: vec![OtherText::parse("1.3.6.1.4.1.311.20.2.3;utf8:a").unwrap()], ..Names::default() };
        let der = SubjectAltName(names.general().unwrap()).to_der().unwrap();
        assert_eq!(hex::encode(der), "3013a011060a2b060104018237140203a0030c0161");
    }

    #[test]
    fn malformed_other_names_are_refused() {
        for text in ["", "1.2.3", "1.2.3;x", "1.2.3;IA5:x", "x;UTF8:y", "1.2.3;UTF8"] {
            assert!(OtherText::parse(text).is_err(), "{text}");
        }
    }
}
