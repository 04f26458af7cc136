//! `cert`, `certs`, `ca` and `ca_chain`: reading certificates.

use innkeeper_guest::prelude::*;

use super::{PEM_CHAIN, PKIX_CERT, PageWish, page_of};
use crate::records::{CrlState, Issuer, Revoked, Stored};
use crate::text::serial;
use crate::text::time::rfc3339;
use crate::x509::certificate;
use formats::pem;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "certs",
        "All certificates that were issued and kept.",
        &[Action::list("Names the serial numbers.", list).fields(PageWish::FIELDS)],
    ),
    Route::new(
        "certs/revoked",
        "All certificates that were revoked.",
        &[Action::list("Names the serial numbers.", list_revoked).fields(PageWish::FIELDS)],
    ),
    Route::new(
        "cert/{serial}",
        "A certificate by its serial number; also `ca`, `ca_chain` and `crl`.",
        &[Action::read("Reads the certificate, and whether it was revoked.", read).unauthenticated()],
    ),
    Route::new(
        "cert/{serial}/raw",
        "A certificate by its serial number.",
        &[Action::read("Reads the certificate in DER.", raw).unauthenticated()],
    ),
    Route::new(
        "cert/{serial}/raw/pem",
        "A certificate by its serial number.",
        &[Action::read("Reads the certificate in PEM.", raw_pem).unauthenticated()],
    ),
    Route::new(
        "ca",
        "The default issuer's certificate.",
        &[Action::read("Reads the certificate in DER.", ca).unauthenticated()],
    ),
    Route::new(
        "ca/pem",
        "The default issuer's certificate.",
        &[Action::read("Reads the certificate in PEM.", ca_pem).unauthenticated()],
    ),
    Route::new(
        "ca_chain",
        "The default issuer's chain.",
        &[Action::read("Reads the chain in PEM, the issuer first.", ca_chain).unauthenticated()],
    ),
];

fn list(request: &Request) -> Answer {
    Response::list(&serials(request, "certs/")?)
}

fn list_revoked(request: &Request) -> Answer {
    Response::list(&serials(request, "revoked/")?)
}

/// Serial numbers as clients know them; the page may begin after either form.
fn serials(request: &Request, prefix: &str) -> Result<Vec<String>, Fault> {
    let wish: PageWish = request.body()?;
    let wish = PageWish { after: wish.after.replace(':', "-").to_ascii_lowercase(), ..wish };
    Ok(page_of(wish, prefix)?.iter().map(|name| name.replace('-', ":")).collect())
}

/// A certificate that was asked for.
enum Found {
    Nothing,
    Issuer(Box<Issuer>),
    Issued(Vec<u8>, Stored),
}

fn find(reference: &str) -> Result<Found, Fault> {
    if reference == "ca" {
        return Ok(Issuer::find("default")?.map_or(Found::Nothing, |issuer| Found::Issuer(Box::new(issuer))));
    }
    let Some(number) = serial::parse(reference) else { return Ok(Found::Nothing) };
    Ok(match Stored::load(&number)? {
        Some(stored) => Found::Issued(number, stored),
        None => Found::Nothing,
    })
}

fn read(request: &Request) -> Answer {
    match request.capture("serial") {
        "ca_chain" => chain_fields(),
        "crl" => crl_fields(),
        reference => match find(reference)? {
            Found::Nothing => Ok(Response::nothing()),
            Found::Issuer(issuer) => Response::data(&json!({
                "certificate": issuer.certificate, "revocation_time": issuer.revoked.unwrap_or(0),
                "revocation_time_rfc3339": issuer.revoked.map(rfc3339).unwrap_or_default(), "issuer_id": issuer.id,
            })),
            Found::Issued(number, stored) => issued_fields(&number, &stored),
        },
    }
}

fn issued_fields(number: &[u8], stored: &Stored) -> Answer {
    let revoked = Revoked::load(number)?;
    let mut fields = Map::new();
    fields.insert("certificate".into(), json!(pem::encode(pem::CERTIFICATE, &stored.der)));
    fields.insert("revocation_time".into(), json!(revoked.as_ref().map_or(0, |revoked| revoked.time)));
    let moment = revoked.as_ref().map(|revoked| rfc3339(revoked.time)).unwrap_or_default();
    fields.insert("revocation_time_rfc3339".into(), json!(moment));
    if let Some(issuer) = revoked.map(|revoked| revoked.issuer).filter(|issuer| !issuer.is_empty()) {
        fields.insert("issuer_id".into(), json!(issuer));
    }
    if let Some(authority) = certificate::read(&stored.der)?.authority_key {
        fields.insert("authority_key_id".into(), json!(serial::colons(&authority)));
    }
    Response::data(&fields)
}

fn chain_fields() -> Answer {
    let Some(issuer) = Issuer::find("default")? else { return Ok(Response::nothing()) };
    let chain = issuer.chain.join("\n");
    Response::data(&json!({
        "certificate": chain, "ca_chain": chain, "revocation_time": 0, "revocation_time_rfc3339": "",
    }))
}

fn crl_fields() -> Answer {
    let Some(issuer) = Issuer::find("default")? else { return Ok(Response::nothing()) };
    let Some(list) = CrlState::list(&issuer.crl)? else { return Ok(Response::nothing()) };
    Response::data(&json!({
        "certificate": pem::encode(pem::CRL, &list), "revocation_time": 0, "revocation_time_rfc3339": "",
    }))
}

fn der_of(request: &Request) -> Result<Option<Vec<u8>>, Fault> {
    Ok(match find(request.capture("serial"))? {
        Found::Nothing => None,
        Found::Issuer(issuer) => Some(issuer.der()?),
        Found::Issued(_, stored) => Some(stored.der),
    })
}

/// Nothing there is an answer without content, as the reference has it.
fn raw(request: &Request) -> Answer {
    Ok(Response::raw(PKIX_CERT, der_of(request)?.unwrap_or_default()))
}

fn raw_pem(request: &Request) -> Answer {
    let pem = der_of(request)?.map(|der| pem::encode(pem::CERTIFICATE, &der)).unwrap_or_default();
    Ok(Response::raw(PEM_CHAIN, pem))
}

fn ca(_request: &Request) -> Answer {
    let der = Issuer::find("default")?.map(|issuer| issuer.der()).transpose()?;
    Ok(Response::raw(PKIX_CERT, der.unwrap_or_default()))
}

fn ca_pem(_request: &Request) -> Answer {
    Ok(Response::raw(PEM_CHAIN, Issuer::find("default")?.map(|issuer| issuer.certificate).unwrap_or_default()))
}

/// The media type is that of the reference, although the body is PEM.
fn ca_chain(_request: &Request) -> Answer {
    Ok(Response::raw(PKIX_CERT, Issuer::find("default")?.map(|issuer| issuer.chain.join("\n")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_serials_begins_after_either_form_of_one() {
        for serial in [[1, 1], [1, 2], [1, 0xAB], [2, 1]] {
            Stored::save(&serial, "", b"der").unwrap();
        }
        for (after, limit, expected) in [
            ("", 2, &["01:01", "01:02"][..]),
            ("01:01", 2, &["01:02", "01:ab"]),
            ("01-01", 2, &["01:02", "01:ab"]),
            ("01:AB", 5, &["02:01"]),
            ("01:01", 0, &["01:02", "01:ab", "02:01"]),
            ("02:01", 1, &[]),
        ] {
            let request = Request::for_test(&[], &json!({ "after": after, "limit": limit }));
            assert_eq!(serials(&request, "certs/").unwrap(), expected, "after {after:?}");
        }
    }
}
