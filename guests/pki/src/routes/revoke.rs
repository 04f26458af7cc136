//! `revoke`: the early end of certificates.

use innkeeper_guest::prelude::*;

use crate::issue::crl;
use crate::records::{Issuer, Revoked, Stored};
use crate::text::serial;
use crate::text::time::rfc3339;
use crate::x509::certificate::{self, Facts};
use crate::x509::key::PublicKey;
use formats::pem;

body! {
    /// Which certificate.
    pub(crate) struct RevokeWish {
        /// Its serial number, hex with colons or dashes.
        pub(crate) serial_number: String,
        /// Or the certificate itself in PEM, if it was issued here and not kept.
        pub(crate) certificate: String,
    }

    /// What proves the right to revoke.
    pub(crate) struct ProofWish {
        /// The certificate's private key in PEM. It is not kept.
        pub(crate) private_key: String,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "revoke",
        "The early end of a certificate.",
        &[Action::update("Revokes the certificate. Revoking it again changes nothing.", revoke)
            .fields(RevokeWish::FIELDS)],
    ),
    Route::new(
        "revoke-with-key",
        "The early end of a certificate, by whoever holds its key.",
        &[Action::update("Revokes the certificate if the private key is its own.", revoke_with_key)
            .fields(fields!(RevokeWish, ProofWish))],
    ),
];

fn revoke(request: &Request) -> Answer {
    by_wish(request.body()?)
}

fn revoke_with_key(request: &Request) -> Answer {
    let sent = request.sent()?;
    let wish: RevokeWish = sent.read()?;
    let ProofWish { private_key } = sent.read()?;
    let key = pem::decode_one(&private_key).ok_or_else(|| Fault::invalid("private_key: could not be PEM-decoded"))?;
    let proven = PublicKey::of(&keys::import_ephemeral(&key).map_err(|e| Fault::from(e).context("private_key"))?)?;
    let der = if wish.certificate.is_empty() {
        serial::parse(&wish.serial_number).map(|number| Stored::load(&number)).transpose()?.flatten().map(|s| s.der)
    } else {
        pem::decode_one(&wish.certificate)
    };
    // What is not found is refused below, in the usual words.
    if let Some(der) = der
        && certificate::read(&der)?.key.der != proven.der
    {
        return Err(Fault::invalid("provided private key does not match certificate's public key"));
    }
    by_wish(wish)
}

fn by_wish(wish: RevokeWish) -> Answer {
    let RevokeWish { serial_number, certificate } = wish;
    match (serial_number.as_str(), certificate.as_str()) {
        ("", "") => Err(Fault::invalid("The serial number or certificate to revoke must be provided.")),
        (number, "") => by_serial(number),
        ("", text) => by_certificate(text),
        _ => Err(Fault::invalid("Must provide either the certificate or the serial to revoke; not both.")),
    }
}

fn by_serial(text: &str) -> Answer {
    // A serial is repeated as far as it can be one.
    let shown: String = text.chars().take(200).collect();
    let not_found = || Fault::invalid(format!("certificate with serial {shown} not found."));
    let number = serial::parse(text).ok_or_else(not_found)?;
    if let Some(revoked) = Revoked::load(&number)? {
        return answer(&revoked);
    }
    refuse_issuers(&number)?;
    let stored = Stored::load(&number)?.ok_or_else(not_found)?;
    let facts = certificate::read(&stored.der)?;
    record(&facts, &stored.issuer)
}

/// A certificate that was not kept: it must have been signed by an issuer of this mount.
fn by_certificate(text: &str) -> Answer {
    let der = pem::decode_one(text).ok_or_else(|| Fault::invalid("certificate: could not be PEM-decoded"))?;
    let facts = certificate::read(&der)?;
    refuse_issuers(&facts.serial)?;
    let another = Stored::load(&facts.serial)?.is_some_and(|stored| stored.der != der);
    if another {
        return Err(Fault::invalid("certificate: another one with this serial number was issued here"));
    }
    if let Some(revoked) = Revoked::load(&facts.serial)? {
        return answer(&revoked);
    }
    for issuer in Issuer::all()? {
        if facts.is_issued_by(&issuer.facts()?) {
            Stored::save(&facts.serial, &issuer.id, &der)?;
            return record(&facts, &issuer.id);
        }
    }
    Err(Fault::invalid("unable to verify signature on presented cert from any present issuer in this mount"))
}

fn refuse_issuers(number: &[u8]) -> Result<(), Fault> {
    let text = serial::colons(number);
    match Issuer::all()?.into_iter().find(|issuer| issuer.serial == text) {
        Some(issuer) => Err(Fault::invalid(format!("adding issuer (id: {}) to its own CRL is not allowed", issuer.id))),
        None => Ok(()),
    }
}

fn record(facts: &Facts, issuer: &str) -> Answer {
    let now = clock::now().seconds;
    if facts.not_after < now {
        let text = serial::colons(&facts.serial);
        return Ok(
            Response::null().warning(format!("certificate with serial {text} already expired; refusing to add to CRL"))
        );
    }
    let revoked = Revoked { time: now, issuer: issuer.to_owned(), not_after: facts.not_after };
    // What no issuer of this mount signed belongs to the default one.
    let listing = match Issuer::find(issuer)? {
        Some(issuer) => Some(issuer),
        None => Issuer::find("default")?,
    };
    revoked.save(&facts.serial, listing.as_ref().map_or(issuer, |listing| &listing.crl))?;
    if let Some(listing) = listing {
        crl::rebuild(&listing)?;
    }
    answer(&revoked)
}

fn answer(revoked: &Revoked) -> Answer {
    Response::data(&json!({
        "revocation_time": revoked.time, "revocation_time_rfc3339": rfc3339(revoked.time), "state": "revoked",
    }))
}

/// Revokes a certificate whose lease was taken back.
pub(crate) fn by_lease(lease: &Lease) -> Result<(), Fault> {
    let internal: Map = innkeeper_guest::serde_json::from_str(&lease.internal)
        .map_err(|error| Fault::internal(format!("a lease cannot be read: {error}")))?;
    let text = internal.get("serial_number").and_then(|value| value.as_str()).unwrap_or_default();
    let number = serial::parse(text).ok_or_else(|| Fault::internal("a lease names no serial number"))?;
    // What was tidied away meanwhile has ended: nothing is owed back.
    if Revoked::load(&number)?.is_none() && Stored::load(&number)?.is_none() {
        return Ok(());
    }
    by_serial(text).map(drop)
}
