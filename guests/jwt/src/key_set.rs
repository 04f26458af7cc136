//! Key sets of others (RFC 7517 section 5), asked for and kept for a while.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::{self, Value};
use innkeeper_guest::storage::StorageError;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use formats::public_key::PublicKey;

const KEPT: &str = "key-set";
/// How long a key set is used without asking again, in seconds.
const FRESH: u64 = 300;
/// How long a key set is used while its provider does not answer, in seconds.
const STALE: u64 = 3600;
/// How long nobody is asked again, in seconds: else strangers with tokens of unknown keys could make us ask.
const PAUSE: u64 = 10;
/// Most keys of a set.
const KEYS_MAX: usize = 256;

/// What the log reads when somebody else asks.
const ASKED_LATELY: &str = "the provider was asked a moment ago";

/// A key set as it was last seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Version of this record's shape.
    record: u8,
    /// When it was seen, in seconds since 1970.
    at: u64,
    /// When somebody last asked for it, in seconds since 1970.
    #[serde(default)]
    asked: u64,
    keys: Vec<PublicKey>,
}

/// What a provider answers.
pub(crate) struct Provided {
    /// What the provider calls itself; empty for a key set without one.
    pub(crate) issuer: String,
    keys: Vec<PublicKey>,
}

impl Kept {
    fn load() -> Result<Self, Fault> {
        Ok(storage::get_json(KEPT)?.unwrap_or_default())
    }

    fn new(keys: Vec<PublicKey>, now: u64) -> Self {
        Self { record: 1, at: now, asked: now, keys }
    }

    /// Notes for everybody that the provider is being asked now; `false` if somebody else was quicker.
    fn claim(&self, now: u64) -> Result<bool, Fault> {
        storage::put_json(KEPT, &Self { record: 1, asked: now, ..self.clone() })?;
        match storage::checkpoint() {
            Ok(()) => Ok(true),
            Err(StorageError::Conflict) => {
                // What was read so far is past: goes on from what is there now.
                storage::checkpoint()?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether one of the known keys fits. Asks the provider for its keys if none does, or if it was not asked for long: then
/// what was read before is past.
pub(crate) fn find(config: &Config, fits: impl Fn(&PublicKey) -> bool) -> Result<bool, Fault> {
    if !config.jwt_validation_pubkeys.is_empty() {
        return Ok(config.keys.iter().any(fits));
    }
    let now = clock::now().seconds;
    let kept = Kept::load()?;
    let age = now.abs_diff(kept.at);
    let found = age < STALE && kept.keys.iter().any(&fits);
    if found && age < FRESH {
        return Ok(true);
    }
    if now.abs_diff(kept.asked.max(kept.at)) < PAUSE {
        // An answer that came since the last question is the last word.
        return if found || kept.at >= kept.asked { Ok(found) } else { Err(unknown(ASKED_LATELY)) };
    }
    if !kept.claim(now)? {
        return if found { Ok(true) } else { Err(unknown(ASKED_LATELY)) };
    }
    match fetch(config) {
        Ok(provided) => {
            let fits = provided.keys.iter().any(fits);
            keep(provided, now)?;
            Ok(fits)
        }
        Err(fault) => {
            let why = fault.messages.concat();
            log::warn("a provider of keys does not answer as it should", &[("why", &why)]);
            if found { Ok(true) } else { Err(unknown(&why)) }
        }
    }
}

/// Who logs in need not know whom we ask, and why that failed.
fn unknown(why: &str) -> Fault {
    let text = "error validating token: the keys to check it with cannot be had now";
    Fault { detail: Some(why.to_owned()), retry_after: Some(1), ..Fault::new(FaultKind::Unavailable, text) }
}

/// Keeps what was asked for, whatever comes of the login.
fn keep(provided: Provided, now: u64) -> Result<(), Fault> {
    // Read again, so that a configuration that was set meanwhile is noticed: it forgets what was kept.
    Kept::load()?;
    storage::put_json(KEPT, &Kept::new(provided.keys, now))?;
    Ok(storage::checkpoint()?)
}

/// Keeps the keys of a configuration that is being set.
pub(crate) fn replace(provided: Provided) -> Result<(), Fault> {
    storage::put_json(KEPT, &Kept::new(provided.keys, clock::now().seconds))
}

/// Forgets what was last seen.
pub(crate) fn forget() -> Result<(), Fault> {
    Ok(storage::delete(KEPT)?)
}

/// Asks for the key set.
pub(crate) fn fetch(config: &Config) -> Result<Provided, Fault> {
    let (issuer, url, authorities) = if config.jwks_url.is_empty() {
        let (issuer, url) = discover(config)?;
        (issuer, url, &config.oidc_discovery_ca_pem)
    } else {
        (String::new(), config.jwks_url.clone(), &config.jwks_ca_pem)
    };
    let set = ask("the key set", &url, authorities)?;
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| Fault::invalid("the answer is no key set: it has no list \"keys\""))?;
    if keys.len() > KEYS_MAX {
        return Err(Fault::invalid("the key set has more than 256 keys"));
    }
    Ok(Provided { issuer, keys: keys.iter().filter_map(PublicKey::from_jwk).collect() })
}

/// What a provider calls itself, and where it has its key set (OpenID Connect Discovery 1.0 section 4).
fn discover(config: &Config) -> Result<(String, String), Fault> {
    let own = config.oidc_discovery_url.trim_end_matches('/');
    let url = format!("{own}/.well-known/openid-configuration");
    let found = ask("the provider", &url, &config.oidc_discovery_ca_pem)?;
    let text = |field: &str| found.get(field).and_then(Value::as_str);
    let issuer = text("issuer").unwrap_or_default();
    if issuer.trim_end_matches('/') != own {
        return Err(Fault::invalid("the provider calls itself by another issuer than oidc_discovery_url"));
    }
    let url = text("jwks_uri").ok_or_else(|| Fault::invalid("the provider names no jwks_uri"))?;
    Ok((issuer.to_owned(), url.to_owned()))
}

/// Asks for JSON. No text tells the URL: its query may hold a secret.
fn ask(whom: &str, url: &str, authorities: &str) -> Result<Value, Fault> {
    let authorities = Some(authorities).filter(|pem| !pem.is_empty());
    let answer = http_out::send(&http_out::get(url, authorities))?;
    if answer.status != 200 {
        return Err(Fault::invalid(format!("{whom} answers with status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Fault::invalid(format!("what {whom} answers is not JSON")))
}

#[cfg(test)]
mod tests;
