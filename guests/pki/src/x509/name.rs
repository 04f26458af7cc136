//! Distinguished names, in the order in which the reference writes them.

use const_oid::db::rfc4519;
use der::asn1::{Any, Ia5StringRef, PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Tag, Tagged};
use innkeeper_guest::prelude::*;
use spki::ObjectIdentifier;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::name::DirectoryString;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::encoding;

/// What a subject is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    pub(crate) common_name: String,
    pub(crate) serial_number: String,
    pub(crate) country: Vec<String>,
    pub(crate) organization: Vec<String>,
    pub(crate) unit: Vec<String>,
    pub(crate) locality: Vec<String>,
    pub(crate) province: Vec<String>,
    pub(crate) street: Vec<String>,
    pub(crate) postal_code: Vec<String>,
    pub(crate) user_ids: Vec<String>,
}

impl Subject {
    /// The name: country, organization, unit, locality, province, street, postal code, common name, serial number,
    /// user ids. Several values of one attribute are one SET (RFC 5280 section 4.1.2.4 leaves the order to us).
    pub(crate) fn name(&self) -> Result<Name, Fault> {
        let one = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
        let parts: [(ObjectIdentifier, &[String]); 9] = [
            (rfc4519::COUNTRY_NAME, &self.country),
            (rfc4519::ORGANIZATION_NAME, &self.organization),
            (rfc4519::ORGANIZATIONAL_UNIT_NAME, &self.unit),
            (rfc4519::LOCALITY_NAME, &self.locality),
            (rfc4519::ST, &self.province),
            (rfc4519::STREET, &self.street),
            (rfc4519::POSTAL_CODE, &self.postal_code),
            (rfc4519::COMMON_NAME, &one(&self.common_name)),
            (rfc4519::SERIAL_NUMBER, &one(&self.serial_number)),
        ];
        let mut sequence = RdnSequence::default();
        for (oid, values) in parts {
            push(&mut sequence, oid, values)?;
        }
        for user_id in &self.user_ids {
            push(&mut sequence, rfc4519::USER_ID, std::slice::from_ref(user_id))?;
        }
        Ok(Name::hazmat_from_rdn_sequence(sequence))
    }
}

fn push(sequence: &mut RdnSequence, oid: ObjectIdentifier, values: &[String]) -> Result<(), Fault> {
    let mut attributes: Vec<AttributeTypeAndValue> = Vec::new();
    for text in values.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let attribute = AttributeTypeAndValue { oid, value: value(oid, text)? };
        if !attributes.contains(&attribute) {
            attributes.push(attribute);
        }
    }
    if !attributes.is_empty() {
        let set = SetOfVec::try_from(attributes).map_err(encoding)?;
        sequence.push(RelativeDistinguishedName::from(set));
    }
    Ok(())
}

/// Country and serial number are PrintableString (RFC 5280 appendix A.1) as far as the text can be, all else is
/// UTF8String.
fn value(oid: ObjectIdentifier, text: &str) -> Result<Any, Fault> {
    if (oid == rfc4519::COUNTRY_NAME || oid == rfc4519::SERIAL_NUMBER)
        && let Ok(printable) = PrintableStringRef::new(text)
    {
        return Any::encode_from(&printable).map_err(encoding);
    }
    let text = Utf8StringRef::new(text).map_err(|_| Fault::invalid("a part of the subject name is too long"))?;
    Any::encode_from(&text).map_err(encoding)
}

/// The first common name, empty when there is none that is text.
pub(crate) fn common_name(name: &Name) -> String {
    text_of(name, rfc4519::COMMON_NAME)
}

/// The first serial number attribute, empty when there is none that is text.
pub(crate) fn serial_number(name: &Name) -> String {
    text_of(name, rfc4519::SERIAL_NUMBER)
}

/// All user ids.
pub(crate) fn user_ids(name: &Name) -> Vec<String> {
    name.iter().filter(|part| part.oid == rfc4519::USER_ID).filter_map(|part| text(&part.value)).collect()
}

fn text_of(name: &Name, oid: ObjectIdentifier) -> String {
    name.iter().find(|part| part.oid == oid).and_then(|part| text(&part.value)).unwrap_or_default()
}

fn text(value: &Any) -> Option<String> {
    if value.tag() == Tag::Ia5String {
        return Ia5StringRef::try_from(value).ok().map(|text| text.as_str().to_owned());
    }
    DirectoryString::try_from(value).ok().map(|text| text.value().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;

    #[test]
    fn parts_come_in_the_order_of_the_reference() {
        let subject = Subject {
            common_name: "cn".into(),
            serial_number: "12".into(),
            country: vec!["CH".into()],
            organization: vec!["b".into(), "a".into(), "b".into()],
            unit: vec!["u".into()],
            locality: vec!["l".into()],
            province: vec!["p".into()],
            street: vec!["s".into()],
            postal_code: vec!["z".into()],
            user_ids: vec!["x".into(), "y".into()],
        };
        let name = subject.name().unwrap();
        let oids: Vec<String> = name.iter_rdn().map(|rdn| rdn.iter().next().unwrap().oid.to_string()).collect();
        let uid = "0.9.2342.19200300.100.1.1";
        assert_eq!(
            oids,
            [
                "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.17", "2.5.4.3", "2.5.4.5",
                uid, uid
            ]
        );
        // Two organizations in one SET, sorted as DER wants it, the double one dropped.
        assert_eq!(name.iter_rdn().nth(1).unwrap().len(), 2);
        assert_eq!(common_name(&name), "cn");
        assert_eq!(user_ids(&name), ["x", "y"]);
    }

    #[test]
    fn country_is_printable_and_the_rest_is_utf8() {
        let subject = Subject { common_name: "é".into(), country: vec!["CH".into()], ..Subject::default() };
        let text = hex::encode(subject.name().unwrap().to_der().unwrap());
        assert_eq!(text, "301a310b3009060355040613024348310b300906035504030c02c3a9");
    }

    #[test]
    fn nothing_is_an_empty_name() {
        assert!(Subject::default().name().unwrap().is_empty());
    }
}
