//! Manifests of artifacts that hold a component.

use aws_lc_rs::digest::{SHA256, digest};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use serde_json::Value;

use crate::Failure;

/// Longest manifest, in bytes: that of an artifact with one component has some 600.
pub const MANIFEST_MAX: usize = 1 << 20;
/// The annotation of a component's layer that may hold a signature over the component, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The media types of the layout that the CNCF's working group describes.
pub(crate) const COMPONENT: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The one layer of an artifact.
#[derive(Debug)]
pub(crate) struct Layer {
    /// In lower-case hex.
    pub(crate) sha256: String,
    /// In bytes, at most what was asked for.
    pub(crate) size: usize,
    /// As it stands there, unchecked.
    pub(crate) signature: Option<String>,
}

/// Reads the manifest that has this digest, if one is given, and finds the component in it.
pub(crate) fn read(bytes: &[u8], wanted: Option<&str>, max: usize) -> Result<Layer, Failure> {
    let found = || format!("sha256:{}", hex::encode(digest(&SHA256, bytes)));
    if wanted.is_some_and(|wanted| !found().eq_ignore_ascii_case(wanted)) {
        return Err(Failure::unfit("the registry's manifest has another digest than the reference names"));
    }
    let no_manifest = |_| Failure::unfit("what the registry sent is no manifest of an image");
    let value: Value = serde_json::from_slice(bytes).map_err(no_manifest)?;
    let kind = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE].contains(&kind) || value.get("manifests").is_some()
    {
        return Err(Failure::unfit("it is an index of several images: name one of them by its digest"));
    }
    let manifest: OciImageManifest = serde_json::from_value(value).map_err(no_manifest)?;
    if manifest.schema_version != 2 {
        return Err(Failure::unfit("what the registry sent is no manifest of an image"));
    }
    if manifest.config.media_type != CONFIG {
        let text = "it is no WebAssembly artifact: its config must be application/vnd.wasm.config.v0+json";
        return Err(Failure::unfit(text));
    }
    match <[OciDescriptor; 1]>::try_from(manifest.layers) {
        Ok([layer]) => component(layer, max),
        Err(layers) => Err(Failure::unfit(format!("it must have one layer, the component, and has {}", layers.len()))),
    }
}

fn component(layer: OciDescriptor, max: usize) -> Result<Layer, Failure> {
    if layer.media_type != COMPONENT {
        return Err(Failure::unfit("its layer must be application/wasm"));
    }
    let hex = |text: &&str| text.len() == 64 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    let sha256 = layer.digest.strip_prefix("sha256:").filter(hex);
    let sha256 = sha256.ok_or_else(|| Failure::unfit("the digest of its layer must be one of sha256"))?.to_owned();
    let size = usize::try_from(layer.size).ok().filter(|size| (1..=max).contains(size));
    let size = size.ok_or_else(|| Failure::unfit(format!("the component must have 1 to {max} bytes")))?;
    let signature = layer.annotations.and_then(|mut annotations| annotations.remove(SIGNATURE_ANNOTATION));
    Ok(Layer { sha256, size, signature })
}
