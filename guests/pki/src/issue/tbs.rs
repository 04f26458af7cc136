//! The bytes that are signed, and what comes of them.

use der::asn1::AnyRef;
use der::{Decode, Encode};
use innkeeper_guest::prelude::*;
use x509_cert::certificate::Version;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use super::validity::Span;
use super::{Authority, Profile};
use crate::records::Stored;
use crate::text::{serial, time};
use crate::x509::certificate::{TbsCertificate, assemble};
use crate::x509::key::PublicKey;
use crate::x509::{algorithm, encoding, extensions};

/// A certificate that was signed.
pub(crate) struct Signed {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) span: Span,
    pub(crate) authority_key: Vec<u8>,
}

impl Profile {
    /// Makes a certificate for a public key in the name of an authority.
    pub(crate) fn certify(&self, key: &PublicKey, authority: &Authority) -> Result<Signed, Fault> {
        let serial = serial::random();
        let body = self.to_be_signed(key, authority, &serial)?;
        let signature = authority.sign(&body)?;
        let der = assemble(&body, algorithm::identifier(authority.scheme)?, &signature)?;
        let authority_key = authority.key_identifier.clone();
        Ok(Signed { der, serial: serial.to_vec(), span: self.span, authority_key })
    }

    fn to_be_signed(&self, key: &PublicKey, authority: &Authority, serial: &[u8]) -> Result<Vec<u8>, Fault> {
        let (mut extensions, after) = self.extensions()?;
        let identifier = self.subject_key.as_deref().unwrap_or(&key.identifier);
        extensions.push(extensions::subject_key(identifier)?);
        extensions.push(extensions::authority_key(&authority.key_identifier)?);
        let urls = &authority.urls;
        let taken = |oid| self.more.iter().any(|extension| extension.extn_id == oid);
        let information = extensions::authority_information(&urls.ocsp_servers, &urls.issuing_certificates)?;
        let points = extensions::distribution_points(&urls.crl_distribution_points)?;
        extensions.extend(information.filter(|extension| !taken(extension.extn_id)));
        extensions.extend(after);
        extensions.extend(points.filter(|extension| !taken(extension.extn_id)));
        let body = TbsCertificate {
            version: Version::V3,
            serial: SerialNumber::new(serial).map_err(encoding)?,
            signature: algorithm::identifier(authority.scheme)?,
            issuer: AnyRef::from_der(&authority.subject).map_err(encoding)?,
            validity: Validity::new(time::x509(self.span.not_before)?, time::x509(self.span.not_after)?),
            subject: self.subject.clone(),
            key: AnyRef::from_der(&key.der).map_err(encoding)?,
            extensions,
        };
        body.to_der().map_err(encoding)
    }
}

impl Signed {
    /// Keeps the certificate, under the issuer that signed it.
    pub(crate) fn store(&self, issuer: &str) -> Result<(), Fault> {
        Stored::save(&self.serial, issuer, &self.der)
    }
}
