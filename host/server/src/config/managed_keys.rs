//! `managed_keys "TYPE"`: what holds for all managed keys of a type, and how the node reaches their homes.
//!
//! What the node itself may reach belongs to who runs it: its credentials, hosts beside the clouds' own, files. No user of
//! the API can say any of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use azurekeyvault::Cloud;
use keys::ProviderType;
use model::NamespacePath;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

/// What the operator says of managed keys, by type.
#[derive(Clone, Debug, Default)]
pub struct ManagedKeys {
    /// The namespaces that may register and use keys of a type, for the types that say it.
    pub namespaces: BTreeMap<&'static str, (ProviderType, Vec<NamespacePath>)>,
    /// How AWS KMS is reached.
    pub awskms: awskms::Settings,
    /// How Azure's vaults are reached.
    pub azurekeyvault: azurekeyvault::Settings,
    /// How Cloud KMS is reached.
    pub gcpckms: gcpckms::Settings,
    seen: Vec<ProviderType>,
}

impl Reader<'_> {
    pub(super) fn managed_keys(&mut self, value: &Value) -> Result<(), Error> {
        for labelled in flat(value) {
            let Value::Object(labelled) = labelled else {
                return Err(self.wrong("managed_keys", "must be a block with a type for its label"));
            };
            for (label, bodies) in labelled {
                let key = format!("managed_keys {label:?}");
                let kind = ProviderType::parse(label).map_err(|error| self.wrong(&key, error.public()))?;
                for body in flat(bodies) {
                    let Value::Object(body) = body else { return Err(self.wrong(&key, "must be a block")) };
                    if self.config.managed_keys.seen.contains(&kind) {
                        return Err(self.wrong(&key, "is there twice"));
                    }
                    self.config.managed_keys.seen.push(kind);
                    self.managed_key_type(kind, &key, body)?;
                }
            }
        }
        Ok(())
    }

    fn managed_key_type(&mut self, kind: ProviderType, stanza: &str, body: &Map<String, Value>) -> Result<(), Error> {
        for (name, value) in body {
            let key = format!("{stanza}.{name}");
            match (kind, name.as_str()) {
                (_, "namespaces") => {
                    let namespaces = self.namespaces(&key, value)?;
                    self.config.managed_keys.namespaces.insert(kind.name(), (kind, namespaces));
                }
                (ProviderType::AwsKms, _) => self.aws(&key, name, value)?,
                (ProviderType::AzureKeyVault, _) => self.azure(&key, name, value)?,
                (ProviderType::GcpCkms, _) => self.gcp(&key, name, value)?,
                (ProviderType::Pkcs11, _) => self.unknown(&key),
            }
        }
        Ok(())
    }

    fn aws(&mut self, key: &str, name: &str, value: &Value) -> Result<(), Error> {
        match name {
            "node_identity" => self.config.managed_keys.awskms.ambient = self.node_identity(key, value)?,
            "node_identity_endpoints" => self.config.managed_keys.awskms.ambient_endpoints = self.texts(key, value)?,
            _ => self.unknown(key),
        }
        Ok(())
    }

    fn azure(&mut self, key: &str, name: &str, value: &Value) -> Result<(), Error> {
        match name {
            "node_identity" => {
                if !self.node_identity(key, value)? {
                    self.config.managed_keys.azurekeyvault.node_identity = azurekeyvault::NodeIdentity::Forbidden;
                }
            }
            "ca_file" => self.config.managed_keys.azurekeyvault.ca_file = Some(self.file_path(key, value)?),
            "addresses" => self.config.managed_keys.azurekeyvault.addresses = self.addresses(key, value)?,
            "cloud" => {
                for labelled in flat(value) {
                    let Value::Object(labelled) = labelled else {
                        return Err(self.wrong(key, "must be a block with a name for its label"));
                    };
                    for (label, body) in labelled {
                        let cloud = self.cloud(key, label, body)?;
                        self.config.managed_keys.azurekeyvault.clouds.push(cloud);
                    }
                }
            }
            _ => self.unknown(key),
        }
        Ok(())
    }

    fn cloud(&mut self, key: &str, name: &str, body: &Value) -> Result<Cloud, Error> {
        let Value::Object(body) = body else { return Err(self.wrong(key, "must be a block")) };
        let mut cloud = Cloud {
            name: name.to_owned(),
            authority: String::new(),
            vault_suffix: String::new(),
            hsm_suffix: None,
            ca_file: None,
        };
        for (name, value) in body {
            let key = format!("{key}.{name}");
            match name.as_str() {
                "authority" => cloud.authority = self.text(&key, value)?,
                "vault_suffix" => cloud.vault_suffix = self.text(&key, value)?,
                "hsm_suffix" => cloud.hsm_suffix = Some(self.text(&key, value)?),
                "ca_file" => cloud.ca_file = Some(self.file_path(&key, value)?),
                _ => self.unknown(&key),
            }
        }
        Ok(cloud)
    }

    fn gcp(&mut self, key: &str, name: &str, value: &Value) -> Result<(), Error> {
        match name {
            "endpoint" => self.config.managed_keys.gcpckms.endpoint = Some(self.text(key, value)?),
            "node_identity" => {
                let told = self.one_of(key, value, &["lent", "refused", "anonymous"])?;
                self.config.managed_keys.gcpckms.node_identity = match told.as_str() {
                    "lent" => gcpckms::NodeIdentity::Lent,
                    "refused" => gcpckms::NodeIdentity::Refused,
                    _ => gcpckms::NodeIdentity::Anonymous,
                };
            }
            _ => self.unknown(key),
        }
        Ok(())
    }

    /// Whether records without credentials may speak as the node.
    fn node_identity(&self, key: &str, value: &Value) -> Result<bool, Error> {
        Ok(self.one_of(key, value, &["lent", "refused"])? == "lent")
    }

    fn file_path(&self, key: &str, value: &Value) -> Result<PathBuf, Error> {
        let path = PathBuf::from(self.text(key, value)?);
        if path.is_absolute() { Ok(path) } else { Err(self.wrong(key, "must be the absolute path of a PEM file")) }
    }

    pub(super) fn texts(&self, key: &str, value: &Value) -> Result<Vec<String>, Error> {
        let Value::Array(items) = value else { return Err(self.wrong(key, "must be a list")) };
        items.iter().map(|item| self.text(key, item)).collect()
    }

    fn addresses(&self, key: &str, value: &Value) -> Result<BTreeMap<String, SocketAddr>, Error> {
        let Value::Object(hosts) = value else { return Err(self.wrong(key, "must be a map of hosts to addresses")) };
        let read = |(host, address): (&String, &Value)| {
            let address = address.as_str().and_then(|address| address.parse().ok());
            address
                .map(|address| (host.clone(), address))
                .ok_or_else(|| self.wrong(key, "must hold IP:PORT for each host"))
        };
        hosts.iter().map(read).collect()
    }

    /// A list of paths of namespaces.
    pub(super) fn namespaces(&self, key: &str, value: &Value) -> Result<Vec<NamespacePath>, Error> {
        let Value::Array(items) = value else { return Err(self.wrong(key, "must be a list")) };
        let read = |item: &Value| NamespacePath::parse(item.as_str().unwrap_or(".")).ok();
        let paths: Option<Vec<_>> = items.iter().map(read).collect();
        paths.ok_or_else(|| self.wrong(key, "must hold namespace paths"))
    }
}
