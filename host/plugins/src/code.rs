//! The bytes of registered components, by their digest.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use model::PluginType;
use registries::{Image, TIME_MAX};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction, VALUE_MAX};
use tokio::time::Instant;

use crate::{Directory, Error, Origins, Source};

/// Largest component, in bytes: engines of JavaScript or Python carry their interpreter.
pub const COMPONENT_MAX: usize = 64 << 20;
/// Largest component that is kept in the store, in bytes: it is written in one transaction. Larger ones are read from the
/// plugin directory, or pulled from their registry.
pub const UPLOAD_MAX: usize = 14 << 20;
/// Size of a piece in the store, in bytes.
const PIECE: usize = VALUE_MAX;

/// What is known of a component, whatever name it is registered under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Where its bytes are.
    pub source: Source,
    /// How many they are.
    pub size: usize,
    /// What it says it is.
    pub class: PluginType,
    /// The name that it gives itself.
    pub names_itself: String,
    /// The version that it says it is.
    pub version: String,
    /// What it says it is for.
    pub about: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
}

pub(crate) fn drawer() -> Drawer {
    Drawer::new(&["plugins"])
}

fn about(sha256: &str) -> String {
    format!("code/{sha256}/about")
}

fn piece(sha256: &str, index: usize) -> String {
    format!("code/{sha256}/piece/{index:04}")
}

impl Code {
    /// What is known of the component with this digest.
    pub async fn find(transaction: &mut Transaction, sha256: &str) -> Result<Option<Self>, Error> {
        Ok(transaction.get_json(&drawer(), &about(sha256)).await?)
    }

    /// Writes what is known, and the bytes if they are to be kept here.
    pub(crate) async fn keep(
        &self,
        transaction: &mut Transaction,
        sha256: &str,
        bytes: Option<&[u8]>,
    ) -> Result<(), Error> {
        transaction.put_json(&drawer(), &about(sha256), self)?;
        for (index, part) in bytes.unwrap_or_default().chunks(PIECE).enumerate() {
            transaction.put(&drawer(), &piece(sha256, index), part.to_vec())?;
        }
        Ok(())
    }

    /// Lets the component go.
    pub(crate) async fn forget(transaction: &mut Transaction, sha256: &str) -> Result<(), Error> {
        let Some(code) = Self::find(transaction, sha256).await? else { return Ok(()) };
        if let Source::Stored { pieces } = code.source {
            for index in 0..pieces {
                transaction.delete(&drawer(), &piece(sha256, index))?;
            }
        }
        Ok(transaction.delete(&drawer(), &about(sha256))?)
    }

    /// In how many pieces so many bytes are kept.
    pub(crate) fn pieces(size: usize) -> usize {
        size.div_ceil(PIECE)
    }
}

/// The bytes of the component with this digest, checked against it. The store is read as the transaction sees it, without
/// expecting anything of it: bytes with this digest are always the same.
pub(crate) async fn bytes(transaction: &Transaction, origins: &Origins, sha256: &str) -> Result<Vec<u8>, Error> {
    let found = transaction.peek(&drawer(), &about(sha256)).await?.ok_or(Error::Lost)?;
    let code: Code = serde_json::from_slice(&found).map_err(|_| Error::Lost)?;
    let bytes = match code.source {
        Source::File { command } => read(origins.directory.as_ref(), command).await?,
        Source::Image { image } => {
            let image = Image::read(&image, None)?;
            origins.registries.again(&image, sha256, code.size.min(COMPONENT_MAX), Instant::now() + TIME_MAX).await?
        }
        Source::Stored { pieces } => {
            let mut bytes = Vec::with_capacity(code.size.min(COMPONENT_MAX));
            for index in 0..pieces {
                let part = transaction.peek(&drawer(), &piece(sha256, index)).await?.ok_or(Error::Lost)?;
                bytes.extend_from_slice(&part);
            }
            bytes
        }
    };
    check(bytes, sha256).await
}

/// Reads a component from the plugin directory.
pub(crate) async fn read(directory: Option<&Directory>, command: String) -> Result<Vec<u8>, Error> {
    let directory = directory.cloned().ok_or(Error::NoDirectory)?;
    apart(move || directory.read(&command)).await?
}

/// The bytes, if this is their digest.
pub(crate) async fn check(bytes: Vec<u8>, sha256: &str) -> Result<Vec<u8>, Error> {
    let wanted = hex::decode(sha256).map_err(|_| Error::Checksum)?;
    apart(move || {
        let found = digest(&SHA256, &bytes);
        verify_slices_are_equal(found.as_ref(), &wanted).map(|()| bytes).map_err(|_| Error::Checksum)
    })
    .await?
}

/// Runs what takes long on a thread of its own.
pub(crate) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))
}
