//! `root/sign-intermediate`: certificates of CAs below an issuer of this mount.

use const_oid::db::rfc5280::ID_CE_KEY_USAGE;
use innkeeper_guest::prelude::*;

use crate::issue::profile::{Profile, ca_names};
use crate::issue::wish::{
    BeginWish, CaWish, ConstraintsWish, CsrWish, FormWish, NamesWish, SignatureWish, SubjectWish, TimeWish,
};
use crate::issue::{Authority, constraints, validity};
use crate::records::Issuer;
use crate::x509::request;
use formats::pem;

body! {
    /// Which issuer signs.
    pub(crate) struct SignerWish {
        /// The issuer's id or name, where the path names none.
        pub(crate) issuer_ref: String = "default".to_owned(),
    }

    /// How the request and the issuer are followed.
    pub(crate) struct FollowWish {
        /// Takes subject and extensions from the certification request as they are.
        pub(crate) use_csr_values: bool,
        /// The subject key identifier in hex, instead of the one made of the key.
        pub(crate) skid: String,
        /// Applies the issuer's leaf_not_after_behavior instead of ending the certificate with the issuer.
        pub(crate) enforce_leaf_not_after_behavior: bool,
    }
}

const SIGN: &[Action] = &[Action::update("Signs a request for a CA's certificate. No role is consulted.", sign)
    .fields(fields!(
        CsrWish,
        NamesWish,
        SubjectWish,
        TimeWish,
        BeginWish,
        FormWish,
        SignatureWish,
        ConstraintsWish,
        CaWish,
        FollowWish,
        SignerWish
    ))];

pub(crate) const ROUTES: &[Route] = &[
    Route::new("root/sign-intermediate", "CAs below the default issuer.", SIGN),
    Route::new("issuer/{issuer_ref}/sign-intermediate", "CAs below an issuer.", SIGN),
];

fn sign(request: &Request) -> Answer {
    let sent = request.sent()?;
    let SignerWish { issuer_ref } = sent.read()?;
    let named = request.capture("issuer_ref");
    let issuer = Issuer::for_issuing(if named.is_empty() { &issuer_ref } else { named })?;
    let form = sent.read::<FormWish>()?.form()?;
    let follow: FollowWish = sent.read()?;
    let preference = sent.read::<SignatureWish>()?.preference()?;
    let path_length = path_length(&issuer, &sent.read()?)?;
    let constraints = constraints::extension(&sent.read::<ConstraintsWish>()?)?;
    let csr = request::read(&sent.read::<CsrWish>()?.csr)?;
    let (role, granted) = ca_names(&sent, Some(&csr), request.display_name())?;
    let mut warnings = granted.warnings.clone();
    let planned = validity::plan(&role, &sent.read::<TimeWish>()?, request.mount(), clock::now().seconds)?
        .within_ca(&issuer, follow.enforce_leaf_not_after_behavior)?;
    warnings.extend(planned.warnings);
    let mut profile = Profile::of_a_ca(granted, planned.span, path_length)?;
    if follow.use_csr_values {
        profile.take_from(&csr, &[ID_CE_KEY_USAGE]);
    }
    profile.subject_key = subject_key(&follow.skid)?;
    if let Some(constraints) = constraints {
        profile.more.retain(|extension| extension.extn_id != constraints.extn_id);
        profile.more.push(constraints);
    }
    let authority = Authority::of(&issuer, preference)?;
    if profile.subject.is_empty() {
        warnings.push("the certificate has no subject: certificates below it will not be accepted".into());
    }
    let signed = profile.certify(&csr.key, &authority)?;
    signed.store(&issuer.id)?;
    // The reference puts the new certificate itself in front of its chain.
    let own = pem::encode(pem::CERTIFICATE, &signed.der);
    let chain: Vec<String> = [vec![own], issuer.chain.clone()].concat();
    Ok(Response::data(&form.answer(&signed, &issuer.certificate, &chain, None))?.warnings(warnings))
}

/// How many CAs may follow: what was asked for, within what the issuer's own certificate allows.
fn path_length(issuer: &Issuer, wish: &CaWish) -> Result<Option<u8>, Fault> {
    let asked = wish.path_length()?;
    let Some(own) = issuer.path_length else { return Ok(asked) };
    let Some(most) = own.checked_sub(1) else {
        return Err(Fault::invalid(
            "signing certificate has a max path length of zero, and cannot issue further CA certificates",
        ));
    };
    match asked {
        Some(asked) if asked > most => {
            Err(Fault::invalid(format!("max_path_length: must be at most {most}, because the issuer's own is {own}")))
        }
        Some(asked) => Ok(Some(asked)),
        None => Ok(Some(most)),
    }
}

fn subject_key(text: &str) -> Result<Option<Vec<u8>>, Fault> {
    let compact: String = text.chars().filter(|c| !matches!(c, ':' | '-' | ' ')).collect();
    match compact.as_str() {
        "" => Ok(None),
        compact => match hex::decode(compact) {
            Ok(bytes) if bytes.len() <= 64 => Ok(Some(bytes)),
            _ => Err(Fault::invalid("skid: must be at most 64 bytes in hex")),
        },
    }
}
