//! Certificate revocation lists, version 2 (RFC 5280 section 5). Built here rather than with x509-cert's builder, which
//! names the wrong authority key below an intermediate and encodes an empty list where there must be none.

use der::asn1::{AnyRef, Uint};
use der::{Decode, Encode, Sequence};
use innkeeper_guest::prelude::*;
use spki::AlgorithmIdentifierOwned;
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::time::Time;

use super::{encoding, extensions};
use crate::text::time;

/// One revoked certificate.
#[derive(Sequence)]
pub(crate) struct Entry {
    /// Not a `SerialNumber`: other CAs write more than 20 octets, or set the first bit.
    serial: Uint,
    date: Time,
}

/// TBSCertList (RFC 5280 section 5.1).
#[derive(Sequence)]
struct TbsCertList<'a> {
    version: Version,
    signature: AlgorithmIdentifierOwned,
    issuer: AnyRef<'a>,
    this_update: Time,
    next_update: Time,
    revoked: Option<Vec<Entry>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// What a list says besides its entries.
pub(crate) struct Head<'a> {
    /// The issuer's subject in DER.
    pub(crate) issuer: &'a [u8],
    /// The issuer's key identifier.
    pub(crate) key_identifier: &'a [u8],
    /// How the list will be signed.
    pub(crate) signature: AlgorithmIdentifierOwned,
    /// Seconds since 1970.
    pub(crate) this_update: u64,
    /// Seconds since 1970.
    pub(crate) next_update: u64,
    /// The number of the list.
    pub(crate) number: u64,
}

impl Entry {
    /// An entry for a serial number, revoked at this moment in seconds since 1970.
    pub(crate) fn new(serial: &[u8], moment: u64) -> Result<Self, Fault> {
        Ok(Self { serial: Uint::new(serial).map_err(encoding)?, date: time::x509(moment)? })
    }
}

/// The bytes to be signed.
pub(crate) fn to_be_signed(head: &Head<'_>, entries: Vec<Entry>) -> Result<Vec<u8>, Fault> {
    let number = CrlNumber(Uint::new(&head.number.to_be_bytes()).map_err(encoding)?);
    let list = TbsCertList {
        version: Version::V2,
        signature: head.signature.clone(),
        issuer: AnyRef::from_der(head.issuer).map_err(encoding)?,
        this_update: time::x509(head.this_update)?,
        next_update: time::x509(head.next_update)?,
        revoked: (!entries.is_empty()).then_some(entries),
        extensions: vec![extensions::authority_key(head.key_identifier)?, extensions::of(false, &number)?],
    };
    list.to_der().map_err(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_of_any_length_are_positive_numbers() {
        for (serial, der) in
            [(&[1][..], "020101"), (&[0x80], "02020080"), (&[0xFF; 20], &format!("021500{}", "ff".repeat(20)))]
        {
            assert_eq!(hex::encode(Entry::new(serial, 0).unwrap().serial.to_der().unwrap()), der);
        }
    }
}
