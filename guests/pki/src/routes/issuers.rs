//! `issuers` and `issuer/:ref`: the CAs of the mount.

use innkeeper_guest::prelude::*;

use super::{PEM_CHAIN, PKIX_CERT, PageWish, page};
use crate::issue::crl;
use crate::records::{Defaults, Home, Issuer, KeyLink, LeafNotAfter, Revoked, Urls, Usage, rebuild_chains};
use crate::text::serial;
use crate::text::time::rfc3339;
use crate::x509::algorithm;

body! {
    /// The settings of an issuer.
    pub(crate) struct IssuerWish {
        /// Its name; empty takes the name away.
        pub(crate) issuer_name: Option<String>,
        /// What happens when a certificate would outlive the issuer: err, truncate, permit, always_enforce_err.
        pub(crate) leaf_not_after_behavior: Option<String>,
        /// References of the issuers that make up the chain, this one first.
        pub(crate) manual_chain: Option<Vec<String>>,
        /// read-only, issuing-certificates, crl-signing, ocsp-signing.
        pub(crate) usage: Option<Vec<String>>,
        /// How revocation lists are signed, for instance SHA256WithRSAPSS.
        pub(crate) revocation_signature_algorithm: Option<String>,
        /// Where the issuer's certificate is.
        pub(crate) issuing_certificates: Option<Vec<String>>,
        /// Where the revocation list is.
        pub(crate) crl_distribution_points: Option<Vec<String>>,
        /// Where the OCSP responder is.
        pub(crate) ocsp_servers: Option<Vec<String>>,
        /// Whether the addresses hold templates.
        pub(crate) enable_aia_url_templating: Option<bool>,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "issuers",
        "All issuers.",
        &[Action::list("Lists the issuers.", list).fields(PageWish::FIELDS).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}",
        "An issuer, by its id, its name, or `default`.",
        &[
            Action::read("Reads the issuer with its settings.", read),
            Action::update("Writes all settings; those that are not sent get their defaults.", write)
                .fields(IssuerWish::FIELDS),
            Action::patch("Changes the settings that are sent.", patch).fields(IssuerWish::FIELDS),
            Action::delete("Removes the issuer, not its key.", remove),
        ],
    ),
    Route::new(
        "issuer/{issuer_ref}/json",
        "An issuer's certificate.",
        &[Action::read("Reads certificate and chain.", json_form).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}/der",
        "An issuer's certificate.",
        &[Action::read("Reads the certificate in DER.", der).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}/pem",
        "An issuer's certificate.",
        &[Action::read("Reads the certificate in PEM.", pem).unauthenticated()],
    ),
    Route::new(
        "issuer/{issuer_ref}/revoke",
        "The end of an issuer.",
        &[Action::update("Revokes the issuer, for good.", revoke)],
    ),
];

fn list(request: &Request) -> Answer {
    let ids = page(request, "issuers/")?;
    if ids.is_empty() {
        return Ok(Response::nothing());
    }
    let default = Defaults::load()?.default;
    let mut info = Map::new();
    for id in &ids {
        if let Some(issuer) = Issuer::load(id)? {
            let key = issuer.key.as_ref().map_or("", |key| key.id.as_str());
            info.insert(id.clone(), json!({
                "issuer_name": issuer.name, "is_default": *id == default, "serial_number": issuer.serial, "key_id": key,
            }));
        }
    }
    Response::data(&json!({ "keys": ids, "key_info": info }))
}

/// The certificate of a PEM field of an issuer's record: those end in a newline.
fn line(pem: &str) -> String {
    format!("{pem}\n")
}

fn shown(issuer: &Issuer) -> Map {
    let mut fields = Map::new();
    let mut put = |name: &str, value| fields.insert(name.to_owned(), value);
    put("issuer_id", json!(issuer.id));
    put("issuer_name", json!(issuer.name));
    put("key_id", json!(issuer.key.as_ref().map_or("", |key| key.id.as_str())));
    put("certificate", json!(line(&issuer.certificate)));
    put("manual_chain", json!(issuer.manual_chain));
    put("ca_chain", json!(issuer.chain.iter().map(|pem| line(pem)).collect::<Vec<_>>()));
    put("leaf_not_after_behavior", json!(issuer.leaf_not_after.name()));
    put("usage", json!(Usage::join(&issuer.usages)));
    put("revocation_signature_algorithm", json!(issuer.revocation_signature_algorithm));
    put("revoked", json!(issuer.revoked.is_some()));
    if let Some(revoked) = issuer.revoked {
        put("revocation_time", json!(revoked));
        put("revocation_time_rfc3339", json!(rfc3339(revoked)));
    }
    put("issuing_certificates", json!(issuer.urls.issuing_certificates));
    put("crl_distribution_points", json!(issuer.urls.crl_distribution_points));
    put("ocsp_servers", json!(issuer.urls.ocsp_servers));
    put("enable_aia_url_templating", json!(issuer.urls.enable_templating));
    fields
}

fn find(request: &Request) -> Result<Issuer, Fault> {
    Issuer::resolve(request.capture("issuer_ref"))
}

fn read(request: &Request) -> Answer {
    Response::data(&shown(&find(request)?))
}

fn json_form(request: &Request) -> Answer {
    let issuer = find(request)?;
    Response::data(&json!({
        "certificate": line(&issuer.certificate),
        "ca_chain": issuer.chain.iter().map(|pem| line(pem)).collect::<Vec<_>>(),
        "issuer_id": issuer.id,
        "issuer_name": issuer.name,
        "revocation_time": issuer.revoked.unwrap_or(0),
    }))
}

fn der(request: &Request) -> Answer {
    Ok(Response::raw(PKIX_CERT, find(request)?.der()?))
}

fn pem(request: &Request) -> Answer {
    Ok(Response::raw(PEM_CHAIN, line(&find(request)?.certificate)))
}

fn write(request: &Request) -> Answer {
    let wish: IssuerWish = request.body()?;
    let whole = IssuerWish {
        issuer_name: Some(wish.issuer_name.unwrap_or_default()),
        leaf_not_after_behavior: Some(wish.leaf_not_after_behavior.unwrap_or_else(|| "err".into())),
        manual_chain: Some(wish.manual_chain.unwrap_or_default()),
        usage: wish.usage,
        revocation_signature_algorithm: Some(wish.revocation_signature_algorithm.unwrap_or_default()),
        issuing_certificates: Some(wish.issuing_certificates.unwrap_or_default()),
        crl_distribution_points: Some(wish.crl_distribution_points.unwrap_or_default()),
        ocsp_servers: Some(wish.ocsp_servers.unwrap_or_default()),
        enable_aia_url_templating: Some(wish.enable_aia_url_templating.unwrap_or_default()),
    };
    change(find(request)?, whole)
}

fn patch(request: &Request) -> Answer {
    change(find(request)?, request.body()?)
}

fn change(mut issuer: Issuer, wish: IssuerWish) -> Answer {
    if let Some(name) = &wish.issuer_name {
        issuer.rename(name)?;
    }
    if let Some(behavior) = &wish.leaf_not_after_behavior {
        issuer.leaf_not_after = LeafNotAfter::parse(behavior)?;
    }
    if let Some(usage) = &wish.usage {
        set_usage(&mut issuer, usage)?;
    }
    if let Some(name) = &wish.revocation_signature_algorithm {
        set_algorithm(&mut issuer, name)?;
    }
    if let Some(references) = &wish.manual_chain {
        set_chain(&mut issuer, references)?;
    }
    let urls = issuer.urls.clone();
    issuer.urls = Urls {
        issuing_certificates: wish.issuing_certificates.unwrap_or(urls.issuing_certificates),
        crl_distribution_points: wish.crl_distribution_points.unwrap_or(urls.crl_distribution_points),
        ocsp_servers: wish.ocsp_servers.unwrap_or(urls.ocsp_servers),
        enable_templating: wish.enable_aia_url_templating.unwrap_or(urls.enable_templating),
    };
    issuer.urls.check("Authority Information Access (AIA)")?;
    issuer.save()?;
    rebuild_chains()?;
    Response::data(&shown(&Issuer::resolve(&issuer.id)?))
}

fn set_usage(issuer: &mut Issuer, texts: &[String]) -> Result<(), Fault> {
    let usages = Usage::parse(texts)?;
    if usages.contains(&Usage::IssuingCertificates) && issuer.revoked.is_some() {
        return Err(Fault::invalid("unable to re-enable issuing-certificates on a revoked issuer"));
    }
    if usages.contains(&Usage::CrlSigning) && !issuer.may_sign_crls {
        return Err(Fault::invalid(
            "the issuer's certificate lacks the key usage CRLSign: the usage crl-signing cannot be set",
        ));
    }
    issuer.usages = usages;
    Ok(())
}

fn set_algorithm(issuer: &mut Issuer, name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        issuer.revocation_signature_algorithm.clear();
        return Ok(());
    }
    let scheme = algorithm::from_label(name).ok_or_else(|| {
        Fault::invalid(format!("revocation_signature_algorithm: {name:?} is unknown; for instance SHA256WithRSA"))
    })?;
    let fits = match &issuer.key {
        None => true,
        // A managed key may be bound to PSS: a list that it cannot sign would block every revocation.
        Some(KeyLink { home: Home::Managed { .. }, shape, .. }) if algorithm::fits(*shape, scheme) => {
            let able = issuer.key()?.open()?.schemes()?;
            able.iter().any(|other| algorithm::same(&scheme, other))
        }
        Some(key) => algorithm::fits(key.shape, scheme),
    };
    if !fits {
        return Err(Fault::invalid(format!("revocation_signature_algorithm: {name:?} does not fit the issuer's key")));
    }
    algorithm::label(scheme).clone_into(&mut issuer.revocation_signature_algorithm);
    Ok(())
}

fn set_chain(issuer: &mut Issuer, references: &[String]) -> Result<(), Fault> {
    if references.is_empty() {
        issuer.manual_chain = None;
        return Ok(());
    }
    let ids =
        references.iter().map(|reference| Ok(Issuer::resolve(reference)?.id)).collect::<Result<Vec<_>, Fault>>()?;
    if ids.first() != Some(&issuer.id) {
        return Err(Fault::invalid("expected first cert in chain to be a self-reference"));
    }
    issuer.manual_chain = Some(ids);
    Ok(())
}

fn remove(request: &Request) -> Answer {
    let Some(issuer) = Issuer::find(request.capture("issuer_ref"))? else { return Ok(Response::null()) };
    issuer.delete()?;
    let mut answer = Response::null();
    let mut defaults = Defaults::load()?;
    if defaults.default == issuer.id {
        defaults.default.clear();
        defaults.save()?;
        answer = answer.warning(format!(
            "Deleted issuer {} was the default issuer: name another one in config/issuers",
            issuer.id
        ));
    }
    Ok(answer)
}

fn revoke(request: &Request) -> Answer {
    let mut issuer = find(request)?;
    if issuer.revoked.is_none() {
        let now = clock::now().seconds;
        let facts = issuer.facts()?;
        issuer.revoked = Some(now);
        issuer.usages.retain(|usage| *usage != Usage::IssuingCertificates);
        issuer.save()?;
        let others: Vec<Issuer> = Issuer::all()?.into_iter().filter(|other| other.id != issuer.id).collect();
        for parent in others {
            if !facts.is_self_issued() && facts.is_issued_by(&parent.facts()?) {
                let entry = Revoked { time: now, issuer: parent.id.clone(), not_after: facts.not_after };
                entry.save(&serial::parse(&issuer.serial).unwrap_or_default(), &parent.crl)?;
                crl::rebuild(&parent)?;
                break;
            }
        }
    }
    Response::data(&shown(&issuer))
}
