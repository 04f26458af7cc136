//! `config`: the cluster whose accounts log in.

use formats::public_key::PublicKey;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

const CONFIG: &str = "config";
/// Longest URL of a cluster, in bytes: what is asked there comes behind it.
const HOST_MAX: usize = 1024;
/// Longest PEM of authorities, in bytes: the contract's.
const CA_MAX: usize = 64 << 10;
/// Most public keys.
const KEYS_MAX: usize = 32;
/// Longest token for reviews, in bytes.
const TOKEN_MAX: usize = 16 << 10;
/// Longest issuer, in bytes.
const ISSUER_MAX: usize = 2048;
/// The issuer of tokens of old clusters, for which the configuration names none.
const ISSUER: &str = "kubernetes/serviceaccount";

body! {
    /// What `config` takes. What was not sent is as usual again.
    pub struct ConfigParams {
        /// URL of the cluster's API, or its host with or without port. Required; the operator of this server must allow it.
        pub kubernetes_host: String,
        /// PEM of the authorities that the cluster's certificate may come from; none: those that the machine trusts.
        pub kubernetes_ca_cert: String,
        /// The token that the cluster is asked with. None: the token that is to be reviewed.
        pub token_reviewer_jwt: String,
        /// Public keys or certificates in PEM, one of which must have signed a token. None: only the cluster is asked.
        pub pem_keys: Vec<String>,
        /// The issuer that tokens must name, see disable_iss_validation.
        pub issuer: String,
        /// Takes tokens of any issuer.
        pub disable_iss_validation: bool = true,
        /// Kept and shown: nothing is ever taken from the machine of this server.
        pub disable_local_ca_jwt: bool,
        /// Copies annotations of the account that begin with vault.hashicorp.com/alias-metadata- into the alias's metadata.
        pub use_annotations_as_alias_metadata: bool,
    }
}

/// The configuration as it is kept.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Version of this record's shape.
    record: u8,
    /// A URL without `/` at its end.
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) reviewer: String,
    pem_keys: Vec<String>,
    issuer: String,
    disable_iss_validation: bool,
    disable_local_ca_jwt: bool,
    pub(crate) use_annotations: bool,
}

impl Config {
    /// The configuration of this mount.
    pub(crate) fn load() -> Result<Option<Self>, Fault> {
        storage::get_json(CONFIG)
    }

    fn from_params(params: ConfigParams) -> Result<Self, Fault> {
        for (field, text, longest) in [
            ("kubernetes_host", &params.kubernetes_host, HOST_MAX),
            ("kubernetes_ca_cert", &params.kubernetes_ca_cert, CA_MAX),
            ("token_reviewer_jwt", &params.token_reviewer_jwt, TOKEN_MAX),
            ("issuer", &params.issuer, ISSUER_MAX),
        ] {
            if text.len() > longest {
                return Err(Fault::invalid(format!("{field}: at most {longest} bytes")));
            }
        }
        if !params.kubernetes_ca_cert.is_empty() && !has_certificate(&params.kubernetes_ca_cert) {
            return Err(Fault::invalid("kubernetes_ca_cert: must be PEM of certificates"));
        }
        let reviewer = params.token_reviewer_jwt.trim();
        if !reviewer.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::invalid("token_reviewer_jwt: must be a token: visible ASCII without spaces"));
        }
        if params.pem_keys.len() > KEYS_MAX {
            return Err(Fault::invalid("pem_keys: at most 32 keys"));
        }
        let config = Self {
            record: 1,
            url: url(params.kubernetes_host.trim())?,
            reviewer: reviewer.to_owned(),
            ca_pem: params.kubernetes_ca_cert,
            pem_keys: params.pem_keys,
            issuer: params.issuer,
            disable_iss_validation: params.disable_iss_validation,
            disable_local_ca_jwt: params.disable_local_ca_jwt,
            use_annotations: params.use_annotations_as_alias_metadata,
        };
        config.keys()?;
        Ok(config)
    }

    /// The public keys, one of which must have signed a token; none: any may.
    pub(crate) fn keys(&self) -> Result<Vec<PublicKey>, Fault> {
        self.pem_keys.iter().map(|pem| PublicKey::from_pem("pem_keys", pem)).collect()
    }

    /// The issuer that tokens must name; none: any may.
    pub(crate) fn issuer(&self) -> Option<&str> {
        let named = if self.issuer.is_empty() { ISSUER } else { &self.issuer };
        Some(named).filter(|_| !self.disable_iss_validation)
    }
}

fn has_certificate(text: &str) -> bool {
    let is_certificate = |block: &formats::pem::Block| block.label == formats::pem::CERTIFICATE;
    formats::pem::decode(text).is_ok_and(|blocks| !blocks.is_empty() && blocks.iter().all(is_certificate))
}

/// The URL that a host was named by. That it is one and may be asked, the host of this guest decides.
fn url(host: &str) -> Result<String, Fault> {
    if host.is_empty() {
        return Err(Fault::invalid("no host provided"));
    }
    let url = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let address = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte);
    let named = !address.is_empty() && !address.starts_with(['/', ':']);
    if !named || !address.bytes().all(plain) {
        let wanted =
            "kubernetes_host: must be a host, or a URL such as \"https://10.0.0.1:6443\" without user and query";
        return Err(Fault::invalid(wanted));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

pub(crate) fn read(_request: &Request) -> Answer {
    let Some(config) = Config::load()? else { return Ok(Response::nothing()) };
    Response::data(&json!({
        "kubernetes_host": config.url, "kubernetes_ca_cert": config.ca_pem, "pem_keys": config.pem_keys,
        "issuer": config.issuer, "disable_iss_validation": config.disable_iss_validation,
        "disable_local_ca_jwt": config.disable_local_ca_jwt, "token_reviewer_jwt_set": !config.reviewer.is_empty(),
        "use_annotations_as_alias_metadata": config.use_annotations,
    }))
}

pub(crate) fn write(request: &Request) -> Answer {
    storage::put_json(CONFIG, &Config::from_params(request.body()?)?)?;
    Ok(Response::nothing())
}

#[cfg(test)]
pub(crate) mod tests {
    use innkeeper_guest::serde_json::{self, Value};

    use super::*;

    /// A public key: RFC 8037 appendix A.2.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    /// Sets the configuration.
    pub(crate) fn set(body: Value) -> Result<(), String> {
        write(&Request::for_test(&[], &body)).map(drop).map_err(|fault| fault.messages.concat())
    }

    fn shown() -> Value {
        serde_json::from_str(read(&Request::for_test(&[], &json!({}))).unwrap().data_text().unwrap()).unwrap()
    }

    #[test]
    fn the_configuration_is_read_back_without_the_reviewers_token() {
        let body = json!({"kubernetes_host": "https://k8s.example:6443/", "token_reviewer_jwt": "se.cr.et", "pem_keys": [KEY]});
        set(body).unwrap();
        let config = shown();
        assert_eq!(
            (&config["kubernetes_host"], &config["pem_keys"]),
            (&json!("https://k8s.example:6443"), &json!([KEY]))
        );
        assert_eq!(
            (&config["token_reviewer_jwt_set"], &config["disable_iss_validation"]),
            (&json!(true), &json!(true))
        );
        assert!(!config.to_string().contains("se.cr.et"));
        set(json!({"kubernetes_host": "k8s.example"})).unwrap();
        let config = shown();
        assert_eq!(
            (&config["kubernetes_host"], &config["token_reviewer_jwt_set"]),
            (&json!("https://k8s.example"), &json!(false))
        );
    }

    #[test]
    fn a_cluster_that_cannot_be_asked_is_refused_by_field() {
        for (field, value, says) in [
            ("kubernetes_host", json!(""), "no host provided"),
            ("kubernetes_host", json!("ftp://x"), "kubernetes_host:"),
            ("kubernetes_host", json!("https://"), "kubernetes_host:"),
            ("kubernetes_host", json!("https://u:p@x"), "kubernetes_host:"),
            ("kubernetes_host", json!("https://x/?a"), "kubernetes_host:"),
            ("kubernetes_host", json!("x y"), "kubernetes_host:"),
            ("kubernetes_host", json!("x".repeat(1025)), "kubernetes_host:"),
            ("kubernetes_ca_cert", json!("x"), "kubernetes_ca_cert:"),
            ("kubernetes_ca_cert", json!(KEY), "kubernetes_ca_cert:"),
            ("token_reviewer_jwt", json!("a\nb"), "token_reviewer_jwt:"),
            ("token_reviewer_jwt", json!("x".repeat((16 << 10) + 1)), "token_reviewer_jwt:"),
            ("pem_keys", json!(["x"]), "pem_keys:"),
            ("pem_keys", json!(vec![KEY; 33]), "pem_keys:"),
            ("issuer", json!("x".repeat(2049)), "issuer:"),
            ("disable_iss_validation", json!("perhaps"), "disable_iss_validation"),
        ] {
            let mut body = json!({"kubernetes_host": "https://k8s.example"});
            body[field] = value;
            let refused = set(body).unwrap_err();
            assert!(refused.starts_with(says), "{field}: {refused}");
        }
    }

    #[test]
    fn an_issuer_is_asked_for_only_where_that_is_switched_on() {
        for (issuer, off, wanted) in [
            ("", true, None),
            ("https://a", true, None),
            ("", false, Some(ISSUER)),
            ("https://a", false, Some("https://a")),
        ] {
            let config = Config { issuer: issuer.into(), disable_iss_validation: off, ..Config::default() };
            assert_eq!(config.issuer(), wanted);
        }
    }
}
