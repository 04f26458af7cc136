//! What is pushed.

use std::collections::BTreeMap;

use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};

/// Layers under a config.
#[derive(Clone)]
pub struct Artifact {
    /// The media type of the config.
    pub config: String,
    /// Media types, bytes and annotations.
    pub layers: Vec<(String, Vec<u8>, BTreeMap<String, String>)>,
}

impl Artifact {
    /// One component, as the CNCF's layout has it.
    pub fn component(bytes: &[u8]) -> Self {
        let layer = ("application/wasm".to_owned(), bytes.to_vec(), BTreeMap::new());
        Self { config: "application/vnd.wasm.config.v0+json".to_owned(), layers: vec![layer] }
    }

    /// The same with an annotation of its first layer.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.layers[0].2.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn parts(&self) -> (Vec<ImageLayer>, Config, OciImageManifest) {
        let layer = |(kind, bytes, annotations): &(String, Vec<u8>, BTreeMap<String, String>)| {
            let annotations = (!annotations.is_empty()).then(|| annotations.clone());
            ImageLayer::new(bytes.clone(), kind.clone(), annotations)
        };
        let layers: Vec<ImageLayer> = self.layers.iter().map(layer).collect();
        let config = Config::new(&b"{}"[..], self.config.clone(), None);
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            ..OciImageManifest::build(&layers, &config, None)
        };
        (layers, config, manifest)
    }
}
