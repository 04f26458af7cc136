//! Who signs: the issuer's part of a certificate, and its key.

use der::Encode;
use innkeeper_guest::keys::Scheme;
use innkeeper_guest::prelude::*;

use super::Profile;
use crate::records::{Issuer, KeyLink, Urls};
use crate::x509::algorithm::{self, Preference};
use crate::x509::encoding;
use crate::x509::key::{KeyShape, PublicKey};

/// An issuer that is ready to sign.
pub(crate) struct Authority {
    /// Its subject in DER.
    pub(crate) subject: Vec<u8>,
    /// What certificates below it name as their authority's key.
    pub(crate) key_identifier: Vec<u8>,
    /// The addresses that it writes into certificates.
    pub(crate) urls: Urls,
    /// How it signs.
    pub(crate) scheme: Scheme,
    key: Key,
}

impl Authority {
    /// An issuer of this mount.
    pub(crate) fn of(issuer: &Issuer, preference: Preference) -> Result<Self, Fault> {
        let link = issuer.key()?;
        let key = link.open()?;
        Ok(Self {
            subject: issuer.subject_der()?,
            key_identifier: issuer.key_identifier()?,
            urls: issuer.addresses()?,
            scheme: scheme(&key, link.shape, preference)?,
            key,
        })
    }

    /// A certificate that signs itself.
    pub(crate) fn itself(
        profile: &Profile,
        urls: Urls,
        link: &KeyLink,
        key: Key,
        preference: Preference,
    ) -> Result<Self, Fault> {
        let public = PublicKey::of(&key)?;
        let identifier = profile.subject_key.clone().unwrap_or_else(|| public.identifier.to_vec());
        Ok(Self {
            subject: profile.subject.to_der().map_err(encoding)?,
            key_identifier: identifier,
            urls,
            scheme: scheme(&key, link.shape, preference)?,
            key,
        })
    }

    /// Signs.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(self.key.sign(self.scheme, message)?)
    }
}

/// The scheme that a key signs with. A managed key says what it can: it may be bound to PSS or to one hash.
pub(crate) fn scheme(key: &Key, shape: KeyShape, preference: Preference) -> Result<Scheme, Fault> {
    match key.managed() {
        Some(_) => algorithm::choose(shape, preference, Some(&key.schemes()?)),
        None => algorithm::choose(shape, preference, None),
    }
}
