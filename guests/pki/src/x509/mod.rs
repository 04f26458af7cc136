//! What certificates are made of, over x509-cert and der: no storage, no policy.

pub(crate) mod algorithm;
pub(crate) mod certificate;
pub(crate) mod crl;
#[cfg(test)]
pub(crate) mod damage;
pub(crate) mod extensions;
pub(crate) mod key;
pub(crate) mod name;
pub(crate) mod names;
pub(crate) mod request;

use innkeeper_guest::prelude::*;

/// What this engine built itself could not be encoded.
pub(crate) fn encoding(error: der::Error) -> Fault {
    Fault::internal(format!("DER: {error}"))
}
