//! Certificates and keys from outside.

use innkeeper_guest::prelude::*;
use serde::Serialize;

use crate::issue::crl;
use crate::records::{Issuer, KeyRecord, adopt, new_id};
use crate::x509::certificate;
use crate::x509::key::PublicKey;
use formats::pem;

/// Longest bundle that is looked at.
const BUNDLE_MAX: usize = 1 << 20;
/// Most certificates and keys in one bundle.
const BLOCKS_MAX: usize = 100;
/// A bundle shorter than this holds nothing.
const BUNDLE_MIN: usize = 75;

body! {
    /// A bundle.
    pub(crate) struct BundleWish {
        /// Certificates, and where they are allowed private keys, in PEM.
        pub(crate) pem_bundle: String,
    }

    /// A bundle, or a single certificate under its older name.
    pub(crate) struct CaBundleWish {
        /// Certificates and private keys in PEM.
        pub(crate) pem_bundle: String,
        /// A certificate in PEM, instead of the bundle.
        pub(crate) certificate: String,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "issuers/import/bundle",
        "Issuers and keys from outside.",
        &[Action::update("Takes certificates and keys in.", bundle).fields(BundleWish::FIELDS)],
    ),
    Route::new(
        "issuers/import/cert",
        "Issuers from outside.",
        &[Action::update("Takes certificates in.", cert).fields(BundleWish::FIELDS)],
    ),
    Route::new(
        "config/ca",
        "Issuers and keys from outside.",
        &[Action::update("Takes certificates and keys in.", config_ca).fields(CaBundleWish::FIELDS)],
    ),
];

/// What an import did. The reference answers null for lists that are empty.
#[derive(Default, Serialize)]
struct Imported {
    imported_issuers: Option<Vec<String>>,
    imported_keys: Option<Vec<String>>,
    existing_issuers: Option<Vec<String>>,
    existing_keys: Option<Vec<String>>,
    /// Issuer to its key, or to nothing.
    mapping: Map,
}

fn bundle(request: &Request) -> Answer {
    let BundleWish { pem_bundle } = request.body()?;
    take(&pem_bundle, true)
}

fn cert(request: &Request) -> Answer {
    let BundleWish { pem_bundle } = request.body()?;
    take(&pem_bundle, false)
}

fn config_ca(request: &Request) -> Answer {
    let CaBundleWish { pem_bundle, certificate } = request.body()?;
    match (pem_bundle.as_str(), certificate.as_str()) {
        ("", "") => Err(Fault::invalid("\"pem_bundle\" must be provided (or \"certificate\" instead)")),
        (bundle, "") | ("", bundle) => take(bundle, true),
        _ => Err(Fault::invalid("\"pem_bundle\" or \"certificate\" may be provided, not both")),
    }
}

/// Takes certificates in, no keys.
pub(crate) fn certificates(text: &str) -> Answer {
    take(text, false)
}

fn take(text: &str, keys_allowed: bool) -> Answer {
    if text.len() < BUNDLE_MIN {
        return Err(Fault::invalid(
            "provided data for import was too short; perhaps a path was passed to the API rather than the contents of a \
             PEM file",
        ));
    }
    if text.len() > BUNDLE_MAX {
        return Err(Fault::invalid(format!("pem_bundle: at most {BUNDLE_MAX} bytes")));
    }
    let mut blocks = pem::decode(text).map_err(|why| Fault::invalid(format!("pem_bundle: {why}")))?;
    blocks.retain(|block| !matches!(block.label.as_str(), pem::CRL | "EC PARAMETERS"));
    if blocks.is_empty() {
        return Err(Fault::invalid("provided PEM block contained no data"));
    }
    if blocks.len() > BLOCKS_MAX {
        return Err(Fault::invalid(format!("pem_bundle: at most {BLOCKS_MAX} certificates and keys")));
    }
    let (certificates, keys): (Vec<_>, Vec<_>) = blocks.iter().partition(|block| block.label == pem::CERTIFICATE);
    if !keys.is_empty() && !keys_allowed {
        return Err(Fault::invalid(
            "private keys found in the PEM bundle but not allowed by the path; use /issuers/import/bundle",
        ));
    }
    let mut done = Done::default();
    for (at, block) in certificates.iter().enumerate() {
        take_certificate(&block.der, &mut done)
            .map_err(|fault| fault.context(&format!("Error parsing issuer {at}")))?;
    }
    for block in keys {
        let (record, is_new) = take_key(&block.der, "")?;
        let list = if is_new { &mut done.new_keys } else { &mut done.old_keys };
        list.push(record.link.id.clone());
        adopt(&record)?;
    }
    done.answer()
}

#[derive(Default)]
struct Done {
    new_issuers: Vec<String>,
    old_issuers: Vec<String>,
    new_keys: Vec<String>,
    old_keys: Vec<String>,
}

fn take_certificate(der: &[u8], done: &mut Done) -> Result<(), Fault> {
    let facts = certificate::read(der)?;
    if !facts.is_ca {
        return Err(Fault::invalid("Refusing to import non-CA certificate"));
    }
    let text = pem::encode(pem::CERTIFICATE, der);
    if let Some(known) = Issuer::all()?.into_iter().find(|issuer| issuer.certificate == text) {
        done.old_issuers.push(known.id);
        return Ok(());
    }
    let key = KeyRecord::by_public(&facts.key)?.map(|record| record.link);
    done.new_issuers.push(Issuer::new(new_id(), &facts, key, "").add()?.id);
    Ok(())
}

/// Takes a private key in; answers its record, and whether it is new.
pub(crate) fn take_key(der: &[u8], name: &str) -> Result<(KeyRecord, bool), Fault> {
    let public = PublicKey::of(&keys::import_ephemeral(der)?)?;
    if let Some(known) = KeyRecord::by_public(&public)? {
        return Ok((known, false));
    }
    KeyRecord::check_name(name)?;
    let record = KeyRecord::new(&keys::import(der, false)?, &public, name)?;
    record.save()?;
    record.default_if_first()?;
    Ok((record, true))
}

impl Done {
    fn answer(self) -> Answer {
        let mut mapping = Map::new();
        let mut warnings = Vec::new();
        for id in self.new_issuers.iter().chain(&self.old_issuers) {
            let issuer = Issuer::resolve(id)?;
            let key = issuer.key.as_ref().map_or("", |key| key.id.as_str());
            mapping.insert(id.clone(), json!(key));
            if issuer.key.is_some() {
                crl::rebuild(&issuer)?;
            }
        }
        if mapping.values().all(|key| key == "") && !mapping.is_empty() {
            warnings.push("no private key of this mount belongs to any of the certificates: they cannot issue".into());
        }
        let list = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
        let imported = Imported {
            imported_issuers: list(self.new_issuers),
            imported_keys: list(self.new_keys),
            existing_issuers: list(self.old_issuers),
            existing_keys: list(self.old_keys),
            mapping,
        };
        Ok(Response::data(&imported)?.warnings(warnings))
    }
}
