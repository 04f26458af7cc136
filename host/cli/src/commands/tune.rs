//! What mounts of engines and of auth methods have in common: options, when they are made and later.

use serde_json::{Map, Value};

use crate::session::put;
use crate::{Error, input};

/// Options of a mount.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MountOptions {
    /// What it is for, in words.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// How long leases and tokens live if nobody says.
    #[arg(long, value_name = "DURATION")]
    pub default_lease_ttl: Option<String>,
    /// How long they can live.
    #[arg(long, value_name = "DURATION")]
    pub max_lease_ttl: Option<String>,
    /// Whether it is listed for those without a token: hidden or unauth.
    #[arg(long, value_name = "VISIBILITY")]
    pub listing_visibility: Option<String>,
    /// An option of the engine; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// The version of the engine kv: 1 or 2.
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<u64>,
    /// The version of the plugin.
    #[arg(long, value_name = "VERSION")]
    pub plugin_version: Option<String>,
    /// A field of requests that audit devices show in clear; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub audit_non_hmac_request_keys: Vec<String>,
    /// A field of answers that audit devices show in clear; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub audit_non_hmac_response_keys: Vec<String>,
    /// A header of requests that it gets; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub passthrough_request_headers: Vec<String>,
    /// A header that its answers may have; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub allowed_response_headers: Vec<String>,
    /// A managed key that it may use; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub allowed_managed_keys: Vec<String>,
    /// What kind of tokens an auth method gives: service, batch, default-service or default-batch.
    #[arg(long, value_name = "TYPE")]
    pub token_type: Option<String>,
}

impl MountOptions {
    /// What becomes its configuration.
    pub(super) fn config(&self) -> Map<String, Value> {
        let mut config = Map::new();
        put(&mut config, "default_lease_ttl", self.default_lease_ttl.clone());
        put(&mut config, "max_lease_ttl", self.max_lease_ttl.clone());
        put(&mut config, "listing_visibility", self.listing_visibility.clone());
        put(&mut config, "token_type", self.token_type.clone());
        for (name, list) in [
            ("audit_non_hmac_request_keys", &self.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", &self.audit_non_hmac_response_keys),
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
            ("allowed_managed_keys", &self.allowed_managed_keys),
        ] {
            put(&mut config, name, listed(list));
        }
        config
    }

    /// What stands beside its configuration.
    pub(super) fn beside(&self) -> Result<Map<String, Value>, Error> {
        let mut fields = Map::new();
        let mut options = input::strings("-options", &self.options)?;
        put(&mut options, "version", self.version.map(|version| version.to_string()));
        put(&mut fields, "options", Some(options).filter(|options| !options.is_empty()));
        put(&mut fields, "description", self.description.clone());
        put(&mut fields, "plugin_version", self.plugin_version.clone());
        Ok(fields)
    }
}

/// A list whose items may also come with commas between them; one empty item makes it empty.
fn listed(given: &[String]) -> Option<Vec<String>> {
    let items = given.iter().flat_map(|item| item.split(',')).map(str::trim).filter(|item| !item.is_empty());
    (!given.is_empty()).then(|| items.map(str::to_owned).collect())
}
