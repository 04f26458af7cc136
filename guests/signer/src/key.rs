//! `keys`: names of this mount for managed keys, each with the policy of its use here.

use innkeeper_guest::keys::{self, Key, KeyType, Scheme, Usage};
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::words;

/// Longest name, in bytes.
const NAME_MAX: usize = 128;

/// The powers that a policy can give, by their names.
const USAGES: [(&str, Usage); 6] = [
    ("sign", Usage::Sign),
    ("verify", Usage::Verify),
    ("encrypt", Usage::Encrypt),
    ("decrypt", Usage::Decrypt),
    ("mac", Usage::Mac),
    ("generate_random", Usage::GenerateRandom),
];

body! {
    /// What `keys/{name}` takes.
    pub struct Settings {
        /// The managed key's name.
        pub managed_key_name: String,
        /// The managed key's UUID.
        pub managed_key_id: String,
        /// `config:key`, as external keys are named.
        pub external_key_ref: String,
        /// What the key may be used for here; all that its own record allows unless given.
        pub usages: Vec<String>,
        /// The hashes that it may sign; all that it can unless given.
        pub hash_algorithms: Vec<String>,
        /// Whether digests are signed that were made elsewhere.
        pub allow_digests: bool = true,
    }
}

/// A name of this mount.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The managed key's UUID: a name could be given to another key.
    id: String,
    name: String,
    usages: Vec<String>,
    hash_algorithms: Vec<String>,
    pub(crate) allow_digests: bool,
}

impl Entry {
    /// The entry of this name.
    pub(crate) fn named(name: &str) -> Result<Self, Fault> {
        let found = storage::get_json(&place(name)?)?;
        found.ok_or_else(|| Fault::invalid(format!("unknown key: {name}; write keys/{name} first")))
    }

    /// The key itself, if the policy lets it be used so.
    pub(crate) fn open_for(&self, usage: Usage) -> Result<Key, Fault> {
        let word = USAGES.iter().find(|(_, known)| *known == usage).map_or("", |(word, _)| word);
        if !self.usages.is_empty() && !self.usages.iter().any(|allowed| allowed == word) {
            let allowed = self.usages.join(", ");
            return Err(Fault::invalid(format!("the policy of this key does not allow {word}; it allows {allowed}")));
        }
        let key = keys::managed(&self.id)?;
        if key.usages().contains(&usage) {
            return Ok(key);
        }
        Err(Fault::invalid(format!(
            "managed key {:?} may not be used to {word}: its usages do not include it",
            self.name
        )))
    }

    /// Refuses a scheme whose hash the policy does not list.
    pub(crate) fn allows(&self, scheme: Scheme) -> Result<(), Fault> {
        self.allows_hash(words::hash_of(scheme))
    }

    /// The same of a hash alone.
    pub(crate) fn allows_hash(&self, hash: &str) -> Result<(), Fault> {
        if self.hash_algorithms.is_empty() || hash.is_empty() || self.hash_algorithms.iter().any(|known| known == hash)
        {
            return Ok(());
        }
        let allowed = self.hash_algorithms.join(", ");
        Err(Fault::invalid(format!(
            "hash_algorithm: the policy of this key does not allow {hash}; it allows {allowed}"
        )))
    }
}

fn place(name: &str) -> Result<String, Fault> {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || name.len() > NAME_MAX || name.starts_with('.') || !name.chars().all(word) {
        return Err(Fault::invalid("name: 1 to 128 letters, digits, '_', '-' and '.', not '.' at the beginning"));
    }
    Ok(format!("keys/{name}"))
}

pub(crate) fn list(_request: &Request) -> Answer {
    Response::names("keys/")
}

pub(crate) fn write(request: &Request) -> Answer {
    let settings: Settings = request.body()?;
    let place = place(request.capture("name"))?;
    let given = [&settings.managed_key_name, &settings.managed_key_id, &settings.external_key_ref];
    let mut given = given.into_iter().filter(|reference| !reference.is_empty());
    let (Some(reference), None) = (given.next(), given.next()) else {
        return Err(Fault::invalid("managed_key_name, managed_key_id or external_key_ref: give one of them"));
    };
    for usage in &settings.usages {
        if !USAGES.iter().any(|(known, _)| known == usage) {
            return Err(Fault::invalid("usages: use sign, verify, encrypt, decrypt, mac or generate_random"));
        }
    }
    for hash in &settings.hash_algorithms {
        words::hash(hash)?;
    }
    let key = keys::managed(reference)?;
    let identity = key.managed().ok_or_else(|| Fault::internal("a managed key without an identity"))?;
    let entry = Entry {
        id: identity.uuid,
        name: identity.name,
        usages: settings.usages,
        hash_algorithms: settings.hash_algorithms,
        allow_digests: settings.allow_digests,
    };
    storage::put_json(&place, &entry)?;
    Ok(Response::nothing())
}

pub(crate) fn read(request: &Request) -> Answer {
    let Some(entry) = storage::get_json::<Entry>(&place(request.capture("name"))?)? else {
        return Ok(Response::nothing());
    };
    let key = keys::managed(&entry.id)?;
    let key_type = key.key_type()?;
    let mut said = json!({
        "managed_key_id": entry.id, "managed_key_name": entry.name, "usages": entry.usages,
        "hash_algorithms": entry.hash_algorithms, "allow_digests": entry.allow_digests, "key_type": shown(key_type),
    });
    if matches!(key_type, KeyType::Aes(_) | KeyType::Hmac(_)) {
        said["sealings"] = key.sealings()?.into_iter().map(words::sealing_name).collect();
        said["macs"] = key.macs()?.into_iter().map(words::hash_name).collect();
    } else {
        said["public_key"] = pem(&key.public_key()?).into();
        said["schemes"] = key.schemes()?.into_iter().map(words::name).collect();
    }
    Response::data(&said)
}

pub(crate) fn remove(request: &Request) -> Answer {
    storage::delete(&place(request.capture("name"))?)?;
    Ok(Response::nothing())
}

fn shown(key_type: KeyType) -> String {
    use innkeeper_guest::keys::Curve;
    match key_type {
        KeyType::Rsa(bits) => format!("rsa-{bits}"),
        KeyType::Ec(Curve::P256) => "ecdsa-p256".to_owned(),
        KeyType::Ec(Curve::P384) => "ecdsa-p384".to_owned(),
        KeyType::Ec(Curve::P521) => "ecdsa-p521".to_owned(),
        KeyType::Ed25519 => "ed25519".to_owned(),
        KeyType::Aes(bits) => format!("aes-{bits}"),
        KeyType::Hmac(bits) => format!("hmac-{bits}"),
    }
}

/// A public key as PEM (RFC 7468 section 13).
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for start in (0..text.len()).step_by(64) {
        pem.push_str(&text[start..text.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}
