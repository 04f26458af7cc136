//! `root`: certificates that sign themselves.

use innkeeper_guest::Field;
use innkeeper_guest::prelude::*;

use super::NO_ADDRESSES;
use crate::issue::key_source::KeySource;
use crate::issue::profile::{Profile, ca_names};
use crate::issue::wish::{
    BeginWish, CaWish, ConstraintsWish, FormWish, KeyWish, NamesWish, SignatureWish, SubjectWish, TimeWish,
};
use crate::issue::{Authority, constraints, crl, validity};
use crate::records::{Defaults, Issuer, KeyDefaults, KeyRecord, Urls, new_id};
use crate::x509::{algorithm, certificate};

body! {
    /// The name of the issuer that is made.
    pub(crate) struct IssuerNameWish {
        /// A name for the issuer.
        pub(crate) issuer_name: String,
    }
}

const FIELDS: &[Field] = fields!(
    NamesWish,
    SubjectWish,
    TimeWish,
    BeginWish,
    FormWish,
    KeyWish,
    SignatureWish,
    ConstraintsWish,
    CaWish,
    IssuerNameWish
);
const GENERATE: &[Action] = &[Action::update("Makes a root and adds it to the issuers.", generate).fields(FIELDS)];

pub(crate) const ROUTES: &[Route] = &[
    Route::new("root/generate/{type}", "Roots; the type is internal, exported, existing or kms.", GENERATE),
    Route::new("issuers/generate/root/{type}", "Roots; the type is internal, exported, existing or kms.", GENERATE),
    Route::new(
        "root/rotate/{type}",
        "A root beside the present one, named `next` unless that name is taken.",
        &[Action::update("Makes a root and adds it to the issuers.", rotate).fields(FIELDS)],
    ),
    Route::new("root", "All issuers and keys.", &[Action::delete("Removes all issuers and keys.", remove).sudo()]),
];

fn generate(request: &Request) -> Answer {
    let sent = request.sent()?;
    let IssuerNameWish { issuer_name } = sent.read()?;
    make(request, &sent, &issuer_name)
}

fn rotate(request: &Request) -> Answer {
    let sent = request.sent()?;
    let IssuerNameWish { issuer_name } = sent.read()?;
    let free = issuer_name.is_empty() && Issuer::find("next")?.is_none();
    make(request, &sent, if free { "next" } else { &issuer_name })
}

fn make(request: &Request, sent: &Sent, issuer_name: &str) -> Answer {
    let source = KeySource::parse(request.capture("type"))?;
    // All that can be wrong with the request is found before a key is made: keys in a token stay there.
    Issuer::check_name(issuer_name)?;
    let form = sent.read::<FormWish>()?.form()?;
    let path_length = sent.read::<CaWish>()?.path_length()?;
    let constraints = constraints::extension(&sent.read::<ConstraintsWish>()?)?;
    let preference = sent.read::<SignatureWish>()?.preference()?;
    let (role, granted) = ca_names(sent, None, request.display_name())?;
    let planned = validity::plan(&role, &sent.read::<TimeWish>()?, request.mount(), clock::now().seconds)?;
    let mut warnings = planned.warnings;
    let mut profile = Profile::of_a_ca(granted, planned.span, path_length)?;
    profile.more.extend(constraints);

    let obtained = source.obtain(sent)?;
    let private = obtained.private_key(form)?;
    let id = new_id();
    let urls = Urls::load()?.resolved(&id)?;
    let authority = Authority::itself(&profile, urls, &obtained.record.link, obtained.key, preference)?;
    let signed = profile.certify(&obtained.public, &authority)?;
    let facts = certificate::read(&signed.der)?;
    let mut issuer = Issuer::new(id, &facts, Some(obtained.record.link.clone()), issuer_name);
    algorithm::label(authority.scheme).clone_into(&mut issuer.revocation_signature_algorithm);
    let issuer = issuer.add()?;
    signed.store(&issuer.id)?;
    crl::rebuild(&issuer)?;

    if authority.urls.is_empty() {
        warnings.push(NO_ADDRESSES.into());
    }
    if profile.subject.is_empty() {
        warnings.push(
            "This issuer certificate was generated without a Subject; this makes it likely that issuing \
                       leaf certs with this certificate will cause TLS validation libraries to reject them."
                .into(),
        );
    }
    if path_length == Some(0) {
        warnings.push(
            "Max path length of the generated certificate is zero. This certificate cannot be used to issue \
                       intermediate CA certificates."
                .into(),
        );
    }
    let mut fields = form.answer(&signed, &issuer.certificate, &[], private.as_ref());
    fields.insert("issuer_id".into(), json!(issuer.id));
    fields.insert("issuer_name".into(), json!(issuer.name));
    fields.insert("key_id".into(), json!(obtained.record.link.id));
    fields.insert("key_name".into(), json!(obtained.record.name));
    Ok(Response::data(&fields)?.warnings(warnings))
}

fn remove(_request: &Request) -> Answer {
    for issuer in Issuer::all()? {
        issuer.delete()?;
    }
    for key in KeyRecord::all()? {
        key.delete()?;
    }
    Defaults { default: String::new(), ..Defaults::load()? }.save()?;
    KeyDefaults::default().save()?;
    Ok(Response::null().warning("Deleted all issuers and keys of this mount."))
}
