//! Key sets of others (RFC 7517 section 5), asked for and kept for a while.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::{self, Value};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use formats::public_key::PublicKey;

const KEPT: &str = "key-set";
/// How long a key set is used without asking again, in seconds.
const FRESH: u64 = 300;
/// How long nobody is asked again for a key that was not in the set, in seconds: else strangers could make us ask.
const ASKED: u64 = 10;
/// Most keys of a set.
const KEYS_MAX: usize = 256;

/// A key set as it was last seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    /// Version of this record's shape.
    record: u8,
    /// Seconds since 1970.
    at: u64,
    keys: Vec<PublicKey>,
}

/// The keys that a token may have been signed with: those of its name if it names one that is known.
pub(crate) fn candidates(config: &Config, id: Option<&str>, algorithm: &str) -> Result<Vec<PublicKey>, Fault> {
    if !config.jwt_validation_pubkeys.is_empty() {
        return Ok(fitting(config.own_keys()?, None, algorithm));
    }
    let now = clock::now().seconds;
    let kept: Option<Kept> = storage::get_json(KEPT)?;
    let age = |kept: &Kept| now.abs_diff(kept.at);
    if let Some(kept) = kept.filter(|kept| age(kept) < FRESH) {
        let asked_lately = age(&kept) < ASKED;
        let found = fitting(kept.keys, id, algorithm);
        if !found.is_empty() || asked_lately {
            return Ok(found);
        }
    }
    let keys = fetch(config)?;
    storage::put_json(KEPT, &Kept { record: 1, at: now, keys: keys.clone() })?;
    Ok(fitting(keys, id, algorithm))
}

fn fitting(mut keys: Vec<PublicKey>, id: Option<&str>, algorithm: &str) -> Vec<PublicKey> {
    keys.retain(|key| key.signs(algorithm) && id.is_none_or(|id| key.id.as_deref().is_none_or(|own| own == id)));
    keys
}

/// Forgets what was last seen.
pub(crate) fn forget() -> Result<(), Fault> {
    Ok(storage::delete(KEPT)?)
}

/// Asks for the key set.
pub(crate) fn fetch(config: &Config) -> Result<Vec<PublicKey>, Fault> {
    let (url, authorities) = if config.jwks_url.is_empty() {
        (discover(config)?, &config.oidc_discovery_ca_pem)
    } else {
        (config.jwks_url.clone(), &config.jwks_ca_pem)
    };
    let set = ask(&url, authorities)?;
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| Fault::invalid("the answer is no key set: it has no list \"keys\""))?;
    if keys.len() > KEYS_MAX {
        return Err(Fault::invalid("the key set has more than 256 keys"));
    }
    Ok(keys.iter().filter_map(PublicKey::from_jwk).collect())
}

/// Where a provider has its key set (OpenID Connect Discovery 1.0 section 4).
fn discover(config: &Config) -> Result<String, Fault> {
    let own = &config.oidc_discovery_url;
    let found = ask(&format!("{own}/.well-known/openid-configuration"), &config.oidc_discovery_ca_pem)?;
    let issuer = found.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if issuer.trim_end_matches('/') != own {
        return Err(Fault::invalid("the provider calls itself by another issuer than oidc_discovery_url"));
    }
    let url = found.get("jwks_uri").and_then(Value::as_str);
    url.map(str::to_owned).ok_or_else(|| Fault::invalid("the provider names no jwks_uri"))
}

fn ask(url: &str, authorities: &str) -> Result<Value, Fault> {
    let authorities = Some(authorities).filter(|pem| !pem.is_empty());
    let answer = http_out::send(&http_out::get(url, authorities))?;
    if answer.status != 200 {
        return Err(Fault::invalid(format!("{url} answers with status {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Fault::invalid(format!("what {url} answers is not JSON")))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn answer(status: u16, body: String) -> http_out::Response {
        http_out::Response { status, headers: Vec::new(), body: body.into_bytes() }
    }

    fn provider(url: &str) -> Config {
        serde_json::from_value(json!({
            "record": 1, "oidc_discovery_url": url, "oidc_discovery_ca_pem": "", "jwks_url": "", "jwks_ca_pem": "",
            "jwt_validation_pubkeys": [], "bound_issuer": "", "jwt_supported_algs": [], "default_role": "",
        }))
        .unwrap()
    }

    #[test]
    fn a_provider_is_asked_once_and_again_only_for_a_key_that_is_not_known() {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        http_out::answer_with(move |request| {
            count.set(count.get() + 1);
            let keys = format!("{{\"keys\":[{KEY},{{\"kty\":\"oct\"}}]}}");
            let found = json!({"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"}).to_string();
            Ok(answer(200, if request.url.ends_with("/keys") { keys } else { found }))
        });
        let config = provider("https://id.example");
        assert_eq!(candidates(&config, Some("k1"), "EdDSA").unwrap().len(), 1);
        assert_eq!(candidates(&config, Some("k1"), "EdDSA").unwrap().len(), 1);
        assert_eq!(asked.get(), 2, "discovery and the set, once");
        assert!(candidates(&config, Some("k2"), "EdDSA").unwrap().is_empty());
        assert_eq!(asked.get(), 2, "asked a moment ago");
        forget().unwrap();
        assert!(candidates(&config, Some("k2"), "EdDSA").unwrap().is_empty());
        assert_eq!(asked.get(), 4);
    }

    #[test]
    fn a_provider_that_is_somebody_else_is_not_believed() {
        http_out::answer_with(|_| Ok(answer(200, json!({"issuer": "https://other", "jwks_uri": "x"}).to_string())));
        assert!(fetch(&provider("https://id.example")).is_err());
        http_out::answer_with(|_| Ok(answer(500, String::new())));
        assert!(fetch(&provider("https://id.example")).is_err());
        http_out::answer_with(|_| Ok(answer(200, "<html>".to_owned())));
        assert!(fetch(&provider("https://id.example")).is_err());
    }
}
