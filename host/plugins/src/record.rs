//! What is kept of a plugin.

use model::PluginType;
use serde::{Deserialize, Serialize};

use crate::Version;

/// A component that was registered under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// What it is registered as.
    pub class: PluginType,
    /// The mount type, or the language of policies.
    pub name: String,
    /// Which of several of this name.
    pub version: Version,
    /// SHA-256 of the component, in lower-case hex.
    pub sha256: String,
    /// The file that was named when it was registered; empty when the component came otherwise.
    pub command: String,
    /// The image that was named when it was registered; empty when the component came otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub oci_image: String,
    /// A signature over the component, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Plugin {
    /// A plugin, not yet written.
    pub fn new(class: PluginType, name: &str, version: Version, sha256: &str, command: &str) -> Self {
        Self {
            record: 1,
            class,
            name: name.to_owned(),
            version,
            sha256: sha256.to_owned(),
            command: command.to_owned(),
            oci_image: String::new(),
            signature: None,
        }
    }

    /// The same, of an image in a registry; empty: not of one.
    #[must_use]
    pub fn of_image(self, oci_image: &str) -> Self {
        Self { oci_image: oci_image.to_owned(), ..self }
    }

    /// The same with a signature, which is checked before it is written.
    #[must_use]
    pub fn with_signature(self, signature: Option<&str>) -> Self {
        Self { signature: signature.map(str::to_owned), ..self }
    }

    /// As errors name it.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version).trim_end().to_owned()
    }
}

/// Where the bytes of a component are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file below the plugin directory of each node.
    File {
        /// Its path there.
        command: String,
    },
    /// In the store, in so many pieces.
    Stored {
        /// How many.
        pieces: usize,
    },
    /// In a registry, from which each node pulls it when it needs it: it is too large for the store.
    Image {
        /// With its tag or digest.
        image: String,
    },
}
