//! `config`: what holds for all entries.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

const CONFIG: &str = "config";
/// Bounds of the sizes of caches.
const CACHE_MIN: u64 = 2;
const CACHE_MAX: u64 = 10_000_000;

body! {
    /// What `config` takes. What was not sent stays.
    pub struct ConfigParams {
        /// Renews tokens also for whoever does not show the certificate that they logged in with.
        pub disable_binding: Option<bool>,
        /// Keeps what the token knows of the certificate with the identity alias too.
        pub enable_identity_alias_metadata: Option<bool>,
        /// Telling of certificates that were refused is not known here: must be false.
        pub enable_metadata_on_failures: Option<bool>,
        /// Kept and shown; nothing is cached here.
        pub ocsp_cache_size: Option<u64>,
        /// Kept and shown; nothing is cached here.
        pub role_cache_size: Option<i64>,
    }
}

/// The configuration as it is kept.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Version of this record's shape.
    record: u8,
    pub(crate) disable_binding: bool,
    pub(crate) enable_identity_alias_metadata: bool,
    ocsp_cache_size: u64,
    role_cache_size: i64,
}

impl Config {
    /// The configuration of this mount; the usual one while nothing was written.
    pub(crate) fn load() -> Result<Self, Fault> {
        let usual = Self {
            record: 1,
            disable_binding: false,
            enable_identity_alias_metadata: false,
            ocsp_cache_size: 100,
            role_cache_size: 200,
        };
        Ok(storage::get_json(CONFIG)?.unwrap_or(usual))
    }
}

pub(crate) fn read(_request: &Request) -> Answer {
    let config = Config::load()?;
    Response::data(&json!({
        "disable_binding": config.disable_binding,
        "enable_identity_alias_metadata": config.enable_identity_alias_metadata,
        "enable_metadata_on_failures": false,
        "ocsp_cache_size": config.ocsp_cache_size,
        "role_cache_size": config.role_cache_size,
    }))
}

pub(crate) fn write(request: &Request) -> Answer {
    let params: ConfigParams = request.body()?;
    if params.enable_metadata_on_failures == Some(true) {
        return Err(Fault::invalid("enable_metadata_on_failures: is not known here and must be false"));
    }
    let mut config = Config::load()?;
    config.disable_binding = params.disable_binding.unwrap_or(config.disable_binding);
    config.enable_identity_alias_metadata =
        params.enable_identity_alias_metadata.unwrap_or(config.enable_identity_alias_metadata);
    if let Some(size) = params.ocsp_cache_size {
        if !(CACHE_MIN..=CACHE_MAX).contains(&size) {
            return Err(Fault::invalid("ocsp_cache_size: must be 2 to 10000000"));
        }
        config.ocsp_cache_size = size;
    }
    if let Some(size) = params.role_cache_size {
        if size < -1 || size.unsigned_abs() > CACHE_MAX {
            return Err(Fault::invalid("role_cache_size: must be -1 to 10000000"));
        }
        config.role_cache_size = size;
    }
    storage::put_json(CONFIG, &config)?;
    Ok(Response::nothing())
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::serde_json::{self, Value};

    use super::*;

    fn shown() -> Value {
        serde_json::from_str(read(&Request::for_test(&[], &json!({}))).unwrap().data_text().unwrap()).unwrap()
    }

    #[test]
    fn the_configuration_keeps_what_is_not_sent_again() {
        assert_eq!((&shown()["disable_binding"], &shown()["ocsp_cache_size"]), (&json!(false), &json!(100)));
        for body in [json!({"disable_binding": "true"}), json!({"enable_identity_alias_metadata": true})] {
            assert!(write(&Request::for_test(&[], &body)).is_ok());
        }
        assert_eq!(shown()["disable_binding"], true);
        assert_eq!(shown()["enable_identity_alias_metadata"], true);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_field() {
        for (field, value) in [
            ("enable_metadata_on_failures", json!(true)),
            ("ocsp_cache_size", json!(1)),
            ("role_cache_size", json!(-2)),
            ("disable_binding", json!("perhaps")),
        ] {
            let fault = write(&Request::for_test(&[], &json!({ field: value }))).map(drop).unwrap_err();
            assert!(fault.messages[0].starts_with(field), "{fault:?}");
        }
    }
}
