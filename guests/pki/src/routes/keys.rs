//! `keys` and `key/:ref`: the keys of the mount, none of which can be read.

use innkeeper_guest::prelude::*;

use super::import::take_key;
use super::{PageWish, page};
use crate::issue::crl;
use crate::issue::form::Form;
use crate::issue::key_source::KeySource;
use crate::issue::wish::{FormWish, KeyWish};
use crate::records::{Home, Issuer, KeyDefaults, KeyRecord, adopt};
use crate::text::serial;
use formats::pem;

body! {
    /// A key from outside.
    pub(crate) struct ImportWish {
        /// The private key in PEM.
        pub(crate) pem_bundle: String,
        /// A name for it.
        pub(crate) key_name: String,
    }

    /// What can be changed on a key.
    pub(crate) struct NameWish {
        /// Its name; empty takes the name away.
        pub(crate) key_name: String,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new("keys", "All keys.", &[Action::list("Lists the keys.", list).fields(PageWish::FIELDS)]),
    Route::new(
        "keys/generate/{type}",
        "New keys; the type is internal, exported or kms.",
        &[Action::update("Makes a key, or takes a managed one into use.", generate).fields(fields!(KeyWish, FormWish))],
    ),
    Route::new(
        "keys/import",
        "Keys from outside.",
        &[Action::update("Takes a private key in.", import).fields(ImportWish::FIELDS)],
    ),
    Route::new(
        "key/{key_ref}",
        "A key, by its id, its name, or `default`.",
        &[
            Action::read("Reads what the key is.", read),
            Action::update("Names the key.", rename).fields(NameWish::FIELDS),
            Action::delete("Removes the key, unless an issuer uses it. A managed key stays where it lives.", remove),
        ],
    ),
];

fn list(request: &Request) -> Answer {
    let ids = page(request, "keys/")?;
    if ids.is_empty() {
        return Ok(Response::nothing());
    }
    let default = KeyDefaults::load()?.default;
    let mut info = Map::new();
    for id in &ids {
        if let Some(key) = KeyRecord::load(id)? {
            info.insert(id.clone(), json!({ "key_name": key.name, "is_default": *id == default }));
        }
    }
    Response::data(&json!({ "keys": ids, "key_info": info }))
}

fn generate(request: &Request) -> Answer {
    let sent = request.sent()?;
    let form: Form = sent.read::<FormWish>()?.form()?;
    let source = match KeySource::parse(request.capture("type"))? {
        KeySource::Existing => return Err(Fault::invalid("the path must end in internal, exported or kms")),
        source => source,
    };
    let obtained = source.obtain(&sent)?;
    let mut fields = brief(&obtained.record);
    if let Some(private) = obtained.private_key(form)? {
        fields.insert("private_key".into(), json!(private.text()));
    }
    Response::data(&fields)
}

fn import(request: &Request) -> Answer {
    let ImportWish { pem_bundle, key_name } = request.body()?;
    let blocks = pem::decode(&pem_bundle).map_err(|why| Fault::invalid(format!("pem_bundle: {why}")))?;
    let keys: Vec<_> = blocks.iter().filter(|block| block.label != "EC PARAMETERS").collect();
    match keys[..] {
        [] => Err(Fault::invalid("provided PEM block contained no data")),
        [one] if one.label != pem::CERTIFICATE => {
            let (record, _) = take_key(&one.der, &key_name)?;
            for id in adopt(&record)? {
                crl::rebuild(&Issuer::resolve(&id)?)?;
            }
            Response::data(&brief(&record))
        }
        _ => Err(Fault::invalid("only a single key can be present within the pem_bundle for importing")),
    }
}

fn brief(record: &KeyRecord) -> Map {
    let mut fields = Map::new();
    fields.insert("key_id".into(), json!(record.link.id));
    fields.insert("key_name".into(), json!(record.name));
    fields.insert("key_type".into(), json!(record.link.shape.name()));
    fields
}

fn read(request: &Request) -> Answer {
    let record = KeyRecord::resolve(request.capture("key_ref"))?;
    let mut fields = brief(&record);
    let identifier = hex::decode(&record.identifier).unwrap_or_default();
    fields.insert("subject_key_id".into(), json!(serial::colons(&identifier)));
    if let Home::Managed { name, uuid } = &record.link.home {
        fields.insert("managed_key_id".into(), json!(uuid));
        fields.insert("managed_key_name".into(), json!(name));
        // A key by one name is the key of that name in a config of that name.
        let external = if name.contains(':') { name.clone() } else { format!("{name}:{name}") };
        fields.insert("external_key_ref".into(), json!(external));
    }
    Response::data(&fields)
}

fn rename(request: &Request) -> Answer {
    let mut record = KeyRecord::resolve(request.capture("key_ref"))?;
    let NameWish { key_name } = request.body()?;
    if key_name != record.name {
        KeyRecord::check_name(&key_name)?;
        record.release_name()?;
        record.name = key_name;
        record.save()?;
    }
    let answer = Response::data(&brief(&record))?;
    Ok(if record.name.is_empty() { answer.warning("Name of key removed") } else { answer })
}

fn remove(request: &Request) -> Answer {
    let Some(record) = KeyRecord::find(request.capture("key_ref"))? else { return Ok(Response::nothing()) };
    let uses = |issuer: &Issuer| issuer.key.as_ref().is_some_and(|key| key.id == record.link.id);
    if let Some(issuer) = Issuer::all()?.into_iter().find(uses) {
        // Two blanks: clients compare the text.
        return Err(Fault::invalid(format!("Failed to Delete Key.  Key in Use by Issuer: {}", issuer.id)));
    }
    record.delete()?;
    let mut defaults = KeyDefaults::load()?;
    if defaults.default != record.link.id {
        return Ok(Response::nothing());
    }
    defaults.default.clear();
    defaults.save()?;
    Ok(Response::null().warning(format!("Deleted key {} was the default key", record.link.id)))
}
