//! What `test` and `dev` are told of the house: keys, and what a configuration says of libraries and hosts.

use std::path::PathBuf;

use super::softhsm::SoftHsm;
use super::{Error, stage::Stage};
use crate::config::{self, Config, Storage};

/// Most keys that are made for a test.
const KEYS_MAX: usize = 32;

/// Options of both commands.
#[derive(Debug, Default, clap::Args)]
pub struct Setting {
    /// A configuration for `kms_library`, `managed_keys` and `http_out`; what it says of storage, seal and listeners is left
    /// aside. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Makes a managed key of this name (ECDSA P-256) in a SoftHSM token of its own, and lends it to the mount. May be
    /// repeated.
    #[arg(long = "managed-key", value_name = "NAME")]
    pub managed_keys: Vec<String>,
}

impl Setting {
    /// The configuration of a house in memory, and the token that keys are made in, which ends with the value.
    pub(super) fn prepare(&self) -> Result<(Config, Option<SoftHsm>), Error> {
        if self.managed_keys.len() > KEYS_MAX {
            return Err(Error::Wrong(format!("managed-key: at most {KEYS_MAX} keys are made")));
        }
        for name in &self.managed_keys {
            model::name(name).map_err(|error| Error::Wrong(format!("managed-key: {error}")))?;
        }
        let mut config = config::read(&self.config)?;
        config.storage = Storage::Memory;
        config.seal = None;
        config.listeners.clear();
        config.plugin_cache_directory = None;
        // What somebody works on is not signed yet.
        config.plugin_signers.clear();
        let token = if self.managed_keys.is_empty() { None } else { Some(SoftHsm::make()?) };
        config.libraries.extend(token.as_ref().map(SoftHsm::library));
        Ok((config, token))
    }

    /// Registers the keys of the token.
    pub(super) async fn register_keys(&self, stage: &Stage, token: Option<&SoftHsm>) -> Result<(), Error> {
        let Some(token) = token else { return Ok(()) };
        for name in &self.managed_keys {
            let path = format!("sys/managed-keys/pkcs11/{name}");
            stage.fine("POST", &path, Some(&token.key(name))).await?;
        }
        Ok(())
    }
}
