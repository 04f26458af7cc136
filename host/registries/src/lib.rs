//! Components from OCI registries.
//!
//! **For:** the one WebAssembly component of an OCI artifact, in the layout of the CNCF's working group for Wasm
//! artifacts, by the digest that whoever asks already knows. **Never:** asks a registry that the operator did not name,
//! speaks in clear to another machine, picks one of several, takes an image's layers apart, or tries again. **In, out:** an
//! [`Image`] and a digest in, a [`Pulled`] out, bounded and in time. **Meet first:** [`Registries`], [`Registry`],
//! [`Image`]. **Errors:** [`Failure`]; its text names the registry, never an account, and no URL: those of storage behind
//! a registry hold secrets.
//!
//! The crate oci-client does the registry's handshake and streams the layer. It reads a manifest to its end however long it
//! is, so that one question is asked here, with a bound. What a registry says as it lets somebody in, or refuses a layer, the
//! client still reads whole: only [`TIME_MAX`] bounds that.
#![forbid(unsafe_code)]

mod failure;
mod image;
mod manifest;
mod pull;
mod registry;

pub use failure::{Failure, Reason};
pub use image::{IMAGE_MAX, Image};
pub use manifest::{MANIFEST_MAX, SIGNATURE_ANNOTATION};
pub use pull::{AT_ONCE_MAX, Pulled, Registries, TIME_MAX};
pub use registry::{CA_CERTIFICATES_MAX, CA_PEM_MAX, Registry, Wrong};
