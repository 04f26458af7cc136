//! `plugin_registries` and `plugin_signers`: where components may be pulled from, and who signs them.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use registries::{CA_PEM_MAX, Registries, Registry};
use secrecy::SecretString;
use serde_json::{Map, Value};
use signatures::{KEY_PEM_MAX, NAMESPACES_MAX, SIGNERS_MAX, Signer};
use zeroize::Zeroizing;

use super::{Error, Reader, Take, flat};

/// Longest password in a file, in bytes: tokens of clouds are long.
const PASSWORD_MAX: usize = 16 << 10;
/// Most registries.
const REGISTRIES_MAX: usize = 100;

impl Reader<'_> {
    /// Calls `take` for each block of a kind whose labels are the operator's own.
    pub(super) fn labelled(&mut self, key: &str, value: &Value, take: Take<Self>) -> Result<(), Error> {
        for labelled in flat(value) {
            let Value::Object(labelled) = labelled else { return Err(self.wrong(key, "must be a block with a label")) };
            for (label, bodies) in labelled {
                for body in flat(bodies) {
                    let Value::Object(body) = body else {
                        return Err(self.wrong(format!("{key} {label:?}"), "must be a block"));
                    };
                    take(self, label, body)?;
                }
            }
        }
        Ok(())
    }

    /// `plugin_registries "HOST[:PORT]"`.
    pub(super) fn plugin_registry(&mut self, label: &str, body: &Map<String, Value>) -> Result<(), Error> {
        let stanza = format!("plugin_registries {label:?}");
        let (mut username, mut password) = (None, None);
        let mut registry = Registry { host: label.to_ascii_lowercase(), ..Registry::default() };
        for (name, value) in body {
            let key = format!("{stanza}.{name}");
            match name.as_str() {
                "username" => username = Some(self.text(&key, value)?),
                "password" => password = Some(SecretString::from(self.text(&key, value)?)),
                "password_file" => {
                    let text = self.contents(&key, value, PASSWORD_MAX)?;
                    password = Some(SecretString::from(text.trim_end_matches(['\r', '\n'])));
                }
                "tls_ca_file" => registry.ca_pem = Some(self.contents(&key, value, CA_PEM_MAX)?.to_string()),
                "plain_http" => registry.plain_http = self.one_of(&key, value, &["true", "false"])? == "true",
                _ => self.unknown(&key),
            }
        }
        registry.account = match (username, password) {
            (Some(username), Some(password)) => Some((username, password)),
            (None, None) => None,
            _ => return Err(self.wrong(format!("{stanza}.username"), "must be there with a password, or neither")),
        };
        if self.config.plugin_registries.iter().any(|other| other.host == registry.host) {
            return Err(self.wrong(stanza, "is there twice"));
        }
        if self.config.plugin_registries.len() >= REGISTRIES_MAX {
            return Err(self.wrong("plugin_registries", format!("there may be {REGISTRIES_MAX}")));
        }
        Registries::new(vec![registry.clone()]).map_err(|(_, wrong)| {
            let key = if wrong.key.is_empty() { stanza } else { format!("{stanza}.{}", wrong.key) };
            self.wrong(key, wrong.wanted)
        })?;
        self.config.plugin_registries.push(registry);
        Ok(())
    }

    /// `plugin_signers "NAME"`.
    pub(super) fn plugin_signer(&mut self, label: &str, body: &Map<String, Value>) -> Result<(), Error> {
        let stanza = format!("plugin_signers {label:?}");
        if model::name(label).is_err() {
            return Err(self.wrong(stanza, "the label must be a name of letters, digits, '_', '-' and '.'"));
        }
        let (mut public_key, mut namespaces) = (None, None);
        for (name, value) in body {
            let key = format!("{stanza}.{name}");
            match name.as_str() {
                "public_key" => public_key = Some(self.text(&key, value)?),
                "public_key_file" => public_key = Some(self.contents(&key, value, KEY_PEM_MAX)?.to_string()),
                "namespaces" => namespaces = Some(self.namespaces(&key, value)?),
                _ => self.unknown(&key),
            }
        }
        let key = format!("{stanza}.public_key");
        let public_key =
            public_key.ok_or_else(|| self.wrong(&key, "must be there, or public_key_file: a public key in PEM"))?;
        let namespaces = namespaces.filter(|namespaces| (1..=NAMESPACES_MAX).contains(&namespaces.len()));
        let namespaces = namespaces.ok_or_else(|| {
            self.wrong(format!("{stanza}.namespaces"), "must name 1 to 1000 namespaces; \"\" is the root, and so all")
        })?;
        let signer = Signer::new(label, &public_key, namespaces).map_err(|error| self.wrong(key, error.to_string()))?;
        if self.config.plugin_signers.iter().any(|other| other.name() == label) {
            return Err(self.wrong(stanza, "is there twice"));
        }
        if self.config.plugin_signers.len() >= SIGNERS_MAX {
            return Err(self.wrong("plugin_signers", format!("there may be {SIGNERS_MAX}")));
        }
        self.config.plugin_signers.push(signer);
        Ok(())
    }

    /// What a file holds that a key names.
    fn contents(&self, key: &str, value: &Value, max: usize) -> Result<Zeroizing<String>, Error> {
        let path = PathBuf::from(self.text(key, value)?);
        if !path.is_absolute() {
            return Err(self.wrong(key, "must be the absolute path of a file"));
        }
        let unreadable = |error: std::io::Error| self.wrong(key, format!("the file cannot be read: {error}"));
        let mut text = Zeroizing::new(String::new());
        let file = File::open(path).map_err(unreadable)?;
        file.take(max as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() > max {
            Err(self.wrong(key, format!("the file must have at most {max} bytes")))
        } else {
            Ok(text)
        }
    }
}
