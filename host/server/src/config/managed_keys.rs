//! `managed_keys "TYPE"`: what holds for all managed keys of a type.

use keys::ProviderType;
use model::NamespacePath;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

/// What the operator says of a type of managed keys.
#[derive(Clone, Debug)]
pub struct ManagedKeyType {
    /// The type.
    pub kind: ProviderType,
    /// The namespaces that may register and use keys of it; `None` for all.
    pub namespaces: Option<Vec<NamespacePath>>,
}

impl Reader<'_> {
    pub(super) fn managed_keys(&mut self, value: &Value) -> Result<(), Error> {
        for labelled in flat(value) {
            let Value::Object(labelled) = labelled else {
                return Err(self.wrong("managed_keys", "must be a block with a label: managed_keys \"awskms\" { … }"));
            };
            for (label, bodies) in labelled {
                let key = format!("managed_keys {label:?}");
                let kind = ProviderType::parse(label).map_err(|error| self.wrong(&key, error.public()))?;
                for body in flat(bodies) {
                    let Value::Object(body) = body else { return Err(self.wrong(&key, "must be a block")) };
                    if self.config.managed_keys.iter().any(|other| other.kind == kind) {
                        return Err(self.wrong(&key, "is there twice"));
                    }
                    self.managed_key_type(kind, &key, body)?;
                }
            }
        }
        Ok(())
    }

    fn managed_key_type(&mut self, kind: ProviderType, key: &str, body: &Map<String, Value>) -> Result<(), Error> {
        let mut namespaces = None;
        for (name, value) in body {
            match name.as_str() {
                "namespaces" => namespaces = Some(self.namespaces(&format!("{key}.namespaces"), value)?),
                unknown => self.unknown(&format!("{key}.{unknown}")),
            }
        }
        self.config.managed_keys.push(ManagedKeyType { kind, namespaces });
        Ok(())
    }

    /// A list of paths of namespaces.
    pub(super) fn namespaces(&self, key: &str, value: &Value) -> Result<Vec<NamespacePath>, Error> {
        let Value::Array(items) = value else { return Err(self.wrong(key, "must be a list")) };
        let read = |item: &Value| NamespacePath::parse(item.as_str().unwrap_or(".")).ok();
        let paths: Option<Vec<_>> = items.iter().map(read).collect();
        paths.ok_or_else(|| self.wrong(key, "must hold namespace paths"))
    }
}
