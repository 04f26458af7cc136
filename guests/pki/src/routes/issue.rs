//! `issue`, `sign` and `sign-verbatim`: certificates for leaves.

use innkeeper_guest::prelude::*;

use crate::issue::validity::{self, Planned};
use crate::issue::wish::{CsrWish, FormWish, NamesWish, SignatureWish, TimeWish};
use crate::issue::{Authority, Form, Profile, Signed, names};
use crate::records::{Issuer, Role};
use crate::x509::key::{KeyShape, PublicKey};
use crate::x509::request;

use const_oid::db::rfc5280::ID_CE_BASIC_CONSTRAINTS;

const ISSUE: &[Action] =
    &[Action::update("Makes a key and a certificate for it.", issue).fields(fields!(NamesWish, TimeWish, FormWish))];
const SIGN: &[Action] = &[Action::update("Signs a certification request as the role wants it.", sign)
    .fields(fields!(CsrWish, NamesWish, TimeWish, FormWish))];
const VERBATIM: &[Action] = &[Action::update("Signs a certification request as it is.", verbatim).fields(fields!(
    CsrWish,
    VerbatimWish,
    SignatureWish,
    TimeWish,
    FormWish,
    Names
))];

idle! {
    /// What clients send that sign by roles and verbatim alike.
    struct Names { common_name, alt_names, ip_sans, uri_sans, other_sans, serial_number, exclude_cn_from_sans, user_ids }
    "the certificate is named as its request says."
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new("issue/{role}", "Certificates with new keys.", ISSUE),
    Route::new("issuer/{issuer_ref}/issue/{role}", "Certificates with new keys, of one issuer.", ISSUE),
    Route::new("sign/{role}", "Certificates for keys that the client keeps.", SIGN),
    Route::new("issuer/{issuer_ref}/sign/{role}", "Certificates for keys that the client keeps, of one issuer.", SIGN),
    Route::new("sign-verbatim", "Certificates as their requests want them.", VERBATIM),
    Route::new("sign-verbatim/{role}", "Certificates as their requests want them, within a role's times.", VERBATIM),
    Route::new(
        "issuer/{issuer_ref}/sign-verbatim",
        "Certificates as their requests want them, of one issuer.",
        VERBATIM,
    ),
    Route::new(
        "issuer/{issuer_ref}/sign-verbatim/{role}",
        "Certificates as their requests want them, of one issuer and within a role's times.",
        VERBATIM,
    ),
];

body! {
    /// What `sign-verbatim` adds where the request leaves it open.
    pub(crate) struct VerbatimWish {
        /// Key usages, when the request has none: DigitalSignature, KeyAgreement and KeyEncipherment unless said.
        pub(crate) key_usage: Vec<String> = Role::default().key_usage,
        /// Extended key usages by name, when the request has none.
        pub(crate) ext_key_usage: Vec<String>,
        /// Extended key usages by object identifier, when the request has none.
        pub(crate) ext_key_usage_oids: Vec<String>,
        /// Marks the certificate as not of a CA.
        pub(crate) basic_constraints_valid_for_non_ca: bool,
    }
}

/// A role, and the issuer that the path or the role names.
fn role_and_issuer(request: &Request) -> Result<(Role, Issuer), Fault> {
    let name = request.capture("role");
    let role = Role::load(name)?.ok_or_else(|| Fault::invalid(format!("unknown role: {name}")))?;
    let issuer = issuer(request, &role)?;
    Ok((role, issuer))
}

fn issuer(request: &Request, role: &Role) -> Result<Issuer, Fault> {
    let reference = request.capture("issuer_ref");
    Issuer::for_issuing(if reference.is_empty() { &role.issuer_ref } else { reference })
}

fn issue(request: &Request) -> Answer {
    let (role, issuer) = role_and_issuer(request)?;
    let sent = request.sent()?;
    let form = sent.read::<FormWish>()?.form()?;
    if role.key_type == "any" {
        return Err(Fault::invalid("role key type \"any\" not allowed for issuing certificates, only signing"));
    }
    let granted = names::grant(&role, &sent.read()?, None, request.display_name())?;
    let planned = plan(request, &role, &issuer, &sent)?;
    let shape = KeyShape::wanted(&role.key_type, role.key_bits)?;
    let authority = Authority::of(&issuer, role.preference())?;
    let key = keys::generate_ephemeral(shape.key_type())?;
    let public = PublicKey::of(&key)?;
    let warnings = [planned.warnings, granted.warnings.clone()].concat();
    let signed = Profile::of_a_leaf(&role, granted, planned.span)?.certify(&public, &authority)?;
    let private = form.private_key(&key, shape)?;
    let fields = form.answer(&signed, &issuer.certificate, &issuer.chain, Some(&private));
    answer(&role, &issuer, &signed, fields, warnings)
}

fn sign(request: &Request) -> Answer {
    let (role, issuer) = role_and_issuer(request)?;
    let sent = request.sent()?;
    let form = sent.read::<FormWish>()?.form()?;
    let csr = request::read(&sent.read::<CsrWish>()?.csr)?;
    check_key(&role, csr.key.shape)?;
    let granted = names::grant(&role, &sent.read()?, Some(&csr), request.display_name())?;
    let planned = plan(request, &role, &issuer, &sent)?;
    let mut warnings = [planned.warnings, granted.warnings.clone()].concat();
    if csr.extension(ID_CE_BASIC_CONSTRAINTS).is_some() {
        warnings
            .push("specified CSR contained a Basic Constraints extension that was ignored during issuance".to_owned());
    }
    let authority = Authority::of(&issuer, role.preference())?;
    let signed = Profile::of_a_leaf(&role, granted, planned.span)?.certify(&csr.key, &authority)?;
    finish(form, &role, &issuer, &signed, warnings)
}

fn verbatim(request: &Request) -> Answer {
    let sent = request.sent()?;
    let name = request.capture("role");
    let times = match name {
        "" => Role::default(),
        name => Role::load(name)?.ok_or_else(|| Fault::invalid(format!("unknown role: {name}")))?,
    };
    let issuer = issuer(request, &times)?;
    let form = sent.read::<FormWish>()?.form()?;
    let csr = request::read(&sent.read::<CsrWish>()?.csr)?;
    let wish: VerbatimWish = sent.read()?;
    let signature: SignatureWish = sent.read()?;
    let role = Role {
        ttl: times.ttl,
        max_ttl: times.max_ttl,
        generate_lease: times.generate_lease && !name.is_empty(),
        no_store: times.no_store && !name.is_empty(),
        not_before_duration: times.not_before_duration,
        key_usage: wish.key_usage,
        ext_key_usage: wish.ext_key_usage,
        ext_key_usage_oids: wish.ext_key_usage_oids,
        basic_constraints_valid_for_non_ca: wish.basic_constraints_valid_for_non_ca,
        server_flag: false,
        client_flag: false,
        signature_bits: signature.signature_bits,
        use_pss: signature.use_pss,
        ..Role::unrestricted()
    };
    let granted = names::grant(&role, &NamesWish::default(), Some(&csr), request.display_name())?;
    let planned = plan(request, &role, &issuer, &sent)?;
    let authority = Authority::of(&issuer, signature.preference()?)?;
    let mut profile = Profile::of_a_leaf(&role, granted, planned.span)?;
    profile.take_from(&csr, &[]);
    let signed = profile.certify(&csr.key, &authority)?;
    finish(form, &role, &issuer, &signed, planned.warnings)
}

fn plan(request: &Request, role: &Role, issuer: &Issuer, sent: &Sent) -> Result<Planned, Fault> {
    validity::plan(role, &sent.read::<TimeWish>()?, request.mount(), clock::now().seconds)?.within(issuer)
}

/// The key of a request must be of the role's type; the role's size is the least.
fn check_key(role: &Role, shape: KeyShape) -> Result<(), Fault> {
    if role.key_type == "any" {
        return Ok(());
    }
    if role.key_type != shape.name() {
        return Err(Fault::invalid(format!("role requires keys of type {}", role.key_type)));
    }
    if shape.bits() < role.key_bits {
        return Err(Fault::invalid(format!(
            "role requires a minimum of a {}-bit key, but CSR's key is {} bits",
            role.key_bits,
            shape.bits()
        )));
    }
    Ok(())
}

fn finish(form: Form, role: &Role, issuer: &Issuer, signed: &Signed, warnings: Vec<String>) -> Answer {
    let fields = form.answer(signed, &issuer.certificate, &issuer.chain, None);
    answer(role, issuer, signed, fields, warnings)
}

/// Keeps the certificate unless the role says otherwise, and answers.
fn answer(role: &Role, issuer: &Issuer, signed: &Signed, fields: Map, warnings: Vec<String>) -> Answer {
    if !role.no_store {
        signed.store(&issuer.id)?;
    }
    let answer = Response::data(&fields)?.warnings(warnings);
    if !role.generate_lease {
        return Ok(answer);
    }
    let ttl = signed.span.not_after.saturating_sub(clock::now().seconds);
    let internal = json!({ "serial_number": fields.get("serial_number") }).to_string();
    Ok(answer.lease(Lease { ttl, renewable: false, internal }))
}
