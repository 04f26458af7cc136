//! The PKI secrets engine: certificate authorities whose keys stay with the host.
//!
//! `routes` answers the API, one file per resource. `issue` leads from what was asked for to a signed certificate.
//! `records` is what is kept in storage, `x509` what certificates are made of, `text` how things are written.

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod issue;
mod records;
mod routes;
mod text;
mod x509;

use innkeeper_guest::prelude::*;

struct Pki;

impl Engine for Pki {
    const NAME: &'static str = "pki";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Certificate authorities, whose keys the host keeps or an HSM holds.";
    const ROUTES: &'static [&'static [Route]] = &[
        routes::root::ROUTES,
        routes::intermediate::ROUTES,
        routes::sign_intermediate::ROUTES,
        routes::import::ROUTES,
        routes::issuers::ROUTES,
        routes::keys::ROUTES,
        routes::roles::ROUTES,
        routes::issue::ROUTES,
        routes::certificates::ROUTES,
        routes::revoke::ROUTES,
        routes::crl::ROUTES,
        routes::config::ROUTES,
    ];

    fn revoke(_context: &Context, lease: &Lease) -> Result<(), Fault> {
        routes::revoke::by_lease(lease)
    }
}

innkeeper_guest::export!(Pki);
