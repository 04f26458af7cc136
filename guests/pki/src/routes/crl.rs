//! `crl`: revocation lists.

use innkeeper_guest::prelude::*;

use super::{PEM_FILE, PKIX_CRL};
use crate::issue::crl::rebuild_all;
use crate::records::{CrlState, Issuer};
use formats::pem;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "crl",
        "The default issuer's revocation list.",
        &[Action::read("Reads the list in DER.", der).unauthenticated()],
    ),
    Route::new(
        "crl/pem",
        "The default issuer's revocation list.",
        &[Action::read("Reads the list in PEM.", in_pem).unauthenticated()],
    ),
    Route::new("crl/rotate", "All revocation lists.", &[Action::read("Builds the lists again.", rotate)]),
    Route::new(
        "issuer/{issuer_ref}/crl",
        "An issuer's revocation list.",
        &[Action::read("Reads the list in PEM, in JSON.", fields).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}/crl/der",
        "An issuer's revocation list.",
        &[Action::read("Reads the list in DER.", der).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}/crl/pem",
        "An issuer's revocation list.",
        &[Action::read("Reads the list in PEM.", in_pem).unauthenticated()],
    ),
];

/// The list of the issuer that the path names, else of the default one.
fn list(request: &Request) -> Result<Option<Vec<u8>>, Fault> {
    let issuer = match request.capture("issuer_ref") {
        "" => Issuer::find("default")?,
        reference => Some(Issuer::resolve(reference)?),
    };
    match issuer {
        Some(issuer) => CrlState::list(&issuer.crl),
        None => Ok(None),
    }
}

fn der(request: &Request) -> Answer {
    Ok(Response::raw(PKIX_CRL, list(request)?.unwrap_or_default()))
}

fn in_pem(request: &Request) -> Answer {
    let text = list(request)?.map(|list| format!("{}\n", pem::encode(pem::CRL, &list))).unwrap_or_default();
    Ok(Response::raw(PEM_FILE, text))
}

fn fields(request: &Request) -> Answer {
    match list(request)? {
        Some(list) => Response::data(&json!({ "crl": pem::encode(pem::CRL, &list) })),
        None => Ok(Response::nothing()),
    }
}

fn rotate(_request: &Request) -> Answer {
    rebuild_all()?;
    Response::data(&json!({ "success": true }))
}
