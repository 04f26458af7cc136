//! The paths below the mount, one file per resource.

pub(crate) mod certificates;
pub(crate) mod config;
pub(crate) mod crl;
pub(crate) mod import;
pub(crate) mod intermediate;
pub(crate) mod issue;
pub(crate) mod issuers;
pub(crate) mod keys;
pub(crate) mod revoke;
pub(crate) mod roles;
pub(crate) mod root;
pub(crate) mod sign_intermediate;

use innkeeper_guest::prelude::*;

/// Most names that a listing without pages answers.
const NAMES_MAX: usize = 90_000;

/// Media types of the paths that answer bytes, as the reference has them.
pub(crate) const PKIX_CERT: &str = "application/pkix-cert";
pub(crate) const PKIX_CRL: &str = "application/pkix-crl";
pub(crate) const PEM_CHAIN: &str = "application/pem-certificate-chain";
pub(crate) const PEM_FILE: &str = "application/x-pem-file";

body! {
    /// A page of a listing.
    pub(crate) struct PageWish {
        /// Only names after this one.
        pub(crate) after: String,
        /// At most so many names; 0 for all.
        pub(crate) limit: u32,
    }
}

/// The names below a prefix, all of them or the page that was asked for.
pub(crate) fn page(request: &Request, prefix: &str) -> Result<Vec<String>, Fault> {
    page_of(request.body()?, prefix)
}

/// The same for a page that was read already.
pub(crate) fn page_of(PageWish { after, limit }: PageWish, prefix: &str) -> Result<Vec<String>, Fault> {
    if limit > 0 {
        let after = (!after.is_empty()).then_some(after.as_str());
        return Ok(storage::page(prefix, after, limit.min(1000))?.names);
    }
    let mut names = Vec::new();
    for name in storage::names(prefix) {
        names.push(name?);
        if names.len() > NAMES_MAX {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("there are more than {NAMES_MAX} names: list them in pages, with after and limit"),
            ));
        }
    }
    names.retain(|name| !name.ends_with('/') && (after.is_empty() || *name > after));
    Ok(names)
}

/// What an answer says of a certificate that carries no addresses.
pub(crate) const NO_ADDRESSES: &str = "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to \
     find missing certificates in the chain or to validate revocation status of certificates. Consider updating \
     /config/urls or the newly generated issuer with this information.";
