//! Issued certificates, and what is known of revoked ones.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{RevokedList, load, load_bytes, save, save_bytes};
use crate::text::serial;

/// Where a certificate is kept.
pub(crate) fn certificate_key(serial: &[u8]) -> String {
    format!("certs/{}", serial::dashes(serial))
}

/// Where a revocation is kept.
pub(crate) fn revoked_key(serial: &[u8]) -> String {
    format!("revoked/{}", serial::dashes(serial))
}

/// `certs/<serial>`: the issuer's id in 16 bytes, then DER.
pub(crate) struct Stored {
    /// The issuer that signed it; empty when it is not of this mount.
    pub(crate) issuer: String,
    /// The certificate.
    pub(crate) der: Vec<u8>,
}

impl Stored {
    pub(crate) fn load(serial: &[u8]) -> Result<Option<Self>, Fault> {
        let key = certificate_key(serial);
        let Some(bytes) = load_bytes(&key)? else { return Ok(None) };
        let Some((id, der)) = bytes.split_first_chunk::<16>() else {
            return Err(Fault::internal(format!("the record {key} is too short")));
        };
        let id = uuid::Uuid::from_bytes(*id);
        let issuer = if id.is_nil() { String::new() } else { id.hyphenated().to_string() };
        Ok(Some(Self { issuer, der: der.to_vec() }))
    }

    pub(crate) fn save(serial: &[u8], issuer: &str, der: &[u8]) -> Result<(), Fault> {
        let id = uuid::Uuid::try_parse(issuer).unwrap_or_default();
        let mut bytes = Vec::with_capacity(16 + der.len());
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(der);
        save_bytes(&certificate_key(serial), &bytes)
    }
}

/// `revoked/<serial>`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Revoked {
    /// Seconds since 1970.
    pub(crate) time: u64,
    /// The issuer that signed it; empty when it is not known.
    pub(crate) issuer: String,
    /// When the certificate ends anyway, in seconds since 1970.
    pub(crate) not_after: u64,
}

impl Revoked {
    pub(crate) fn load(serial: &[u8]) -> Result<Option<Self>, Fault> {
        load(&revoked_key(serial))
    }

    /// Keeps the revocation, and puts it on a list.
    pub(crate) fn save(&self, serial: &[u8], list: &str) -> Result<(), Fault> {
        save(&revoked_key(serial), self)?;
        RevokedList::add(list, serial, self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_certificate_is_read_back_with_its_issuer() {
        let id = crate::records::new_id();
        Stored::save(&[1, 2], &id, b"der").unwrap();
        let stored = Stored::load(&[1, 2]).unwrap().unwrap();
        assert_eq!((stored.issuer, stored.der), (id, b"der".to_vec()));
        Stored::save(&[3], "", b"der").unwrap();
        assert_eq!(Stored::load(&[3]).unwrap().unwrap().issuer, "");
    }
}
