//! `intermediate`: requests for certificates of CAs below others, and the certificates that come back.

use innkeeper_guest::Field;
use innkeeper_guest::prelude::*;

use super::import;
use crate::issue::Form;
use crate::issue::authority::scheme;
use crate::issue::form::PrivateKey;
use crate::issue::key_source::{KeySource, Obtained};
use crate::issue::profile::ca_names;
use crate::issue::wish::{FormWish, KeyWish, NamesWish, SignatureWish, SubjectWish};
use crate::x509::certificate::assemble;
use crate::x509::{algorithm, extensions, request};
use formats::pem;

body! {
    /// What a request may ask for besides.
    pub(crate) struct BasicWish {
        /// Writes into the request that it is a CA's.
        pub(crate) add_basic_constraints: bool,
    }

    /// What came back.
    pub(crate) struct SignedWish {
        /// The signed certificate in PEM, or several: the chain above it too.
        pub(crate) certificate: String,
    }
}

idle! {
    /// What clients send that make roots and requests alike.
    struct Times { ttl, not_after, not_before_duration }
    "whoever signs the request says how long the certificate lasts."
}

const FIELDS: &[Field] = fields!(NamesWish, SubjectWish, FormWish, KeyWish, SignatureWish, BasicWish, Times);

const GENERATE: &[Action] =
    &[Action::update("Makes or takes a key and a request to have it certified.", generate).fields(FIELDS)];

pub(crate) const ROUTES: &[Route] = &[
    Route::new("intermediate/generate/{type}", "Requests; the type is internal, exported, existing or kms.", GENERATE),
    Route::new(
        "issuers/generate/intermediate/{type}",
        "Requests; the type is internal, exported, existing or kms.",
        GENERATE,
    ),
    Route::new(
        "intermediate/cross-sign",
        "Requests for a key of this mount, to have another CA vouch for it too.",
        &[Action::update("Makes a request for an existing key.", cross_sign).fields(FIELDS)],
    ),
    Route::new(
        "intermediate/set-signed",
        "The certificate of a request that was signed elsewhere.",
        &[Action::update("Takes the certificate in.", set_signed).fields(SignedWish::FIELDS)],
    ),
];

fn generate(request: &Request) -> Answer {
    make(request, KeySource::parse(request.capture("type"))?)
}

fn cross_sign(request: &Request) -> Answer {
    make(request, KeySource::Existing)
}

fn make(request: &Request, source: KeySource) -> Answer {
    let sent = request.sent()?;
    let form = sent.read::<FormWish>()?.form()?;
    let preference = sent.read::<SignatureWish>()?.preference()?;
    let BasicWish { add_basic_constraints } = sent.read()?;
    let (_, granted) = ca_names(&sent, None, request.display_name())?;
    let subject = granted.subject.name()?;
    let mut wanted = Vec::new();
    if !granted.names.is_empty() {
        wanted.push(extensions::alternative_names(&granted.names, subject.is_empty())?);
    }
    if add_basic_constraints {
        wanted.push(extensions::basic_constraints(true, None)?);
    }

    let obtained = source.obtain(&sent)?;
    let private = obtained.private_key(form)?;
    let scheme = scheme(&obtained.key, obtained.public.shape, preference)?;
    let body = request::to_be_signed(&subject, &obtained.public, wanted)?;
    let signature = obtained.key.sign(scheme, &body)?;
    let csr = assemble(&body, algorithm::identifier(scheme)?, &signature)?;
    Response::data(&fields(form, &csr, private.as_ref(), &obtained))
}

fn fields(form: Form, csr: &[u8], private: Option<&PrivateKey>, obtained: &Obtained) -> Map {
    let text = form.text(pem::REQUEST, csr);
    let mut fields = Map::new();
    let bundled = form.bundle([private.map(PrivateKey::text), Some(text.as_str())]);
    fields.insert("csr".into(), json!(bundled.unwrap_or(text)));
    if let Some(private) = private {
        private.put_into(&mut fields);
    }
    fields.insert("key_id".into(), json!(obtained.record.link.id));
    fields.insert("key_name".into(), json!(obtained.record.name));
    fields
}

fn set_signed(request: &Request) -> Answer {
    let SignedWish { certificate } = request.body()?;
    if certificate.trim().is_empty() {
        return Err(Fault::invalid("no certificate provided in the \"certificate\" parameter"));
    }
    import::certificates(&certificate)
}
