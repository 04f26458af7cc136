//! Whose signatures are taken.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::key_set;
use formats::jws::ALGORITHMS;
use formats::public_key::PublicKey;

const CONFIG: &str = "config";
/// The field that keys come in.
const PUBKEYS: &str = "jwt_validation_pubkeys";
/// Most public keys in the configuration.
const KEYS_MAX: usize = 32;
/// Longest text of the configuration but PEM, in bytes.
const TEXT_MAX: usize = 2048;
/// Longest PEM of authorities, in bytes.
const CA_MAX: usize = 64 << 10;

body! {
    /// What `config` takes: exactly one of the three ways to know keys.
    pub struct ConfigParams {
        /// URL of an OpenID provider without `.well-known`; must be what its tokens name as their issuer.
        pub oidc_discovery_url: String,
        /// PEM of the authorities that the provider's certificate may come from; none: those that the machine trusts.
        pub oidc_discovery_ca_pem: String,
        /// URL of a JSON Web Key Set.
        pub jwks_url: String,
        /// PEM of the authorities that the certificate of jwks_url may come from; none: those that the machine trusts.
        pub jwks_ca_pem: String,
        /// Public keys or certificates in PEM.
        pub jwt_validation_pubkeys: Vec<String>,
        /// The issuer that tokens must name.
        pub bound_issuer: String,
        /// Algorithms that are taken, of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA; none: all.
        pub jwt_supported_algs: Vec<String>,
        /// The role of logins that name none.
        pub default_role: String,
        /// Logins through a browser are not known here: must be empty.
        pub oidc_client_id: String,
        /// Logins through a browser are not known here: must be empty.
        pub oidc_client_secret: String,
    }
}

/// The configuration as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Version of this record's shape.
    record: u8,
    pub(crate) oidc_discovery_url: String,
    pub(crate) oidc_discovery_ca_pem: String,
    pub(crate) jwks_url: String,
    pub(crate) jwks_ca_pem: String,
    pub(crate) jwt_validation_pubkeys: Vec<String>,
    pub(crate) bound_issuer: String,
    pub(crate) jwt_supported_algs: Vec<String>,
    pub(crate) default_role: String,
    /// What the provider of oidc_discovery_url calls itself; empty in records of before it was kept.
    #[serde(default)]
    provider: String,
    /// The keys of jwt_validation_pubkeys; empty in records of before they were kept.
    #[serde(default)]
    pub(crate) keys: Vec<PublicKey>,
}

impl Config {
    fn from_params(params: ConfigParams) -> Result<Self, Fault> {
        if !params.oidc_client_id.is_empty() || !params.oidc_client_secret.is_empty() {
            return Err(Fault::invalid("oidc_client_id: logins through a browser are not known here; leave it empty"));
        }
        let ways = [
            !params.jwt_validation_pubkeys.is_empty(),
            !params.jwks_url.is_empty(),
            !params.oidc_discovery_url.is_empty(),
        ];
        if ways.iter().filter(|way| **way).count() != 1 {
            return Err(Fault::invalid(
                "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set",
            ));
        }
        if params.jwt_validation_pubkeys.len() > KEYS_MAX {
            return Err(Fault::invalid("jwt_validation_pubkeys: at most 32 keys"));
        }
        if let Some(unknown) = params.jwt_supported_algs.iter().find(|name| !ALGORITHMS.contains(&name.as_str())) {
            let known = ALGORITHMS.join(", ");
            return Err(Fault::invalid(format!("jwt_supported_algs: {unknown:?} is not one of {known}")));
        }
        for (field, text, longest) in [
            ("oidc_discovery_url", &params.oidc_discovery_url, TEXT_MAX),
            ("oidc_discovery_ca_pem", &params.oidc_discovery_ca_pem, CA_MAX),
            ("jwks_url", &params.jwks_url, TEXT_MAX),
            ("jwks_ca_pem", &params.jwks_ca_pem, CA_MAX),
            ("bound_issuer", &params.bound_issuer, TEXT_MAX),
            ("default_role", &params.default_role, TEXT_MAX),
        ] {
            if text.len() > longest {
                return Err(Fault::invalid(format!("{field}: at most {longest} bytes")));
            }
        }
        Ok(Self {
            record: 1,
            oidc_discovery_url: params.oidc_discovery_url,
            oidc_discovery_ca_pem: params.oidc_discovery_ca_pem,
            jwks_url: params.jwks_url,
            jwks_ca_pem: params.jwks_ca_pem,
            jwt_validation_pubkeys: params.jwt_validation_pubkeys,
            bound_issuer: params.bound_issuer,
            jwt_supported_algs: params.jwt_supported_algs,
            default_role: params.default_role,
            provider: String::new(),
            keys: Vec::new(),
        })
    }

    /// The issuer that tokens must name; empty: any.
    pub(crate) fn issuer(&self) -> &str {
        let named = [&self.bound_issuer, &self.provider, &self.oidc_discovery_url];
        named.into_iter().find(|name| !name.is_empty()).map_or("", String::as_str)
    }

    fn source(&self) -> &'static str {
        if self.jwks_url.is_empty() { "oidc discovery URL" } else { "jwks URL" }
    }
}

/// The configuration of this mount.
pub(crate) fn get() -> Result<Option<Config>, Fault> {
    let config: Option<Config> = storage::get_json(CONFIG)?;
    match config {
        Some(config) if config.keys.is_empty() => {
            let keys =
                config.jwt_validation_pubkeys.iter().filter_map(|pem| PublicKey::from_pem(PUBKEYS, pem).ok()).collect();
            Ok(Some(Config { keys, ..config }))
        }
        config => Ok(config),
    }
}

pub(crate) fn read(_request: &Request) -> Answer {
    let Some(config) = get()? else { return Ok(Response::nothing()) };
    Response::data(&json!({
        "oidc_discovery_url": config.oidc_discovery_url, "oidc_discovery_ca_pem": config.oidc_discovery_ca_pem,
        "jwks_url": config.jwks_url, "jwks_ca_pem": config.jwks_ca_pem,
        "jwt_validation_pubkeys": config.jwt_validation_pubkeys, "bound_issuer": config.bound_issuer,
        "jwt_supported_algs": config.jwt_supported_algs, "default_role": config.default_role,
        "oidc_client_id": "", "oidc_response_mode": "", "oidc_response_types": [], "provider_config": {},
        "namespace_in_state": true,
    }))
}

/// Sets the configuration, once the keys that it names can be had.
pub(crate) fn write(request: &Request) -> Answer {
    let mut config = Config::from_params(request.body()?)?;
    if config.jwt_validation_pubkeys.is_empty() {
        let failed = |fault: Fault| fault.context(&format!("error checking {}", config.source()));
        let provided = key_set::fetch(&config).map_err(failed)?;
        config.provider.clone_from(&provided.issuer);
        key_set::replace(provided)?;
    } else {
        config.keys = config
            .jwt_validation_pubkeys
            .iter()
            .map(|pem| PublicKey::from_pem(PUBKEYS, pem))
            .collect::<Result<_, _>>()?;
        key_set::forget()?;
    }
    storage::put_json(CONFIG, &config)?;
    Ok(Response::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8410 section 10.1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_read_when_they_are_set_and_those_of_older_records_when_they_are_used() {
        let body = json!({"jwt_validation_pubkeys": PEM, "bound_issuer": "a"});
        write(&Request::for_test(&[], &body)).map(drop).unwrap();
        let mut kept: Map = storage::get_json(CONFIG).unwrap().unwrap();
        assert_eq!(kept["keys"].as_array().map(Vec::len), Some(1));
        let keys = get().unwrap().unwrap().keys;
        kept.remove("keys");
        kept.remove("provider");
        storage::put_json(CONFIG, &kept).unwrap();
        assert_eq!(get().unwrap().unwrap().keys, keys);
        assert!(!read(&Request::for_test(&[], &json!({}))).unwrap().data_text().unwrap().contains("spki"));
    }
}
