//! The devices and headers as they are stored: one record for all, so that one version says whether anything changed.

use std::collections::BTreeMap;
use std::fmt;

use model::{Fault, Id, MountPath};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{Drawer, Transaction};

use crate::options::{Options, Target};
use crate::salt::SALT_LEN;

/// Most devices.
pub(crate) const DEVICES_MAX: usize = 16;
/// Most request headers that entries show.
pub(crate) const HEADERS_MAX: usize = 64;
/// Longest description, in bytes.
const DESCRIPTION_MAX: usize = 1024;
/// Where the record lies.
const RECORD: &str = "devices";

/// A device that is to be enabled.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `file`, `socket` or `syslog`.
    pub kind: String,
    /// What operators note.
    pub description: String,
    /// Accepted and shown again; every node writes to its own device of the name.
    pub local: bool,
    /// What the type takes.
    pub options: BTreeMap<String, String>,
}

/// A device as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its path, ending in `/`.
    pub path: String,
    /// Its fields.
    pub fields: Value,
}

/// How a request header is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its value is hashed.
    pub hmac: bool,
}

/// What a device's hashes are keyed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SaltBytes([u8; SALT_LEN]);

impl SaltBytes {
    pub(crate) fn new(bytes: [u8; SALT_LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SaltBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltBytes")
    }
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Another one for each time that a device is enabled, so that two of one path are not taken for one.
    pub(crate) id: Id,
    pub(crate) path: MountPath,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) local: bool,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) salt: SaltBytes,
}

impl Record {
    pub(crate) fn shown(&self) -> Shown {
        let fields = json!({
            "type": self.kind, "description": self.description, "options": self.options, "local": self.local,
            "path": self.path.as_str(),
        });
        Shown { path: self.path.to_string(), fields }
    }
}

/// All that is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    /// Version of this record's shape.
    record: u8,
    pub(crate) devices: Vec<Record>,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, Header>,
}

impl Default for Table {
    fn default() -> Self {
        Self { record: 1, devices: Vec::new(), headers: BTreeMap::new() }
    }
}

fn drawer() -> Drawer {
    Drawer::new(&["audit"])
}

impl Table {
    /// The table with the version of its record: 0 when there is none, `None` when this transaction wrote it. It is not
    /// expected to be the same at commit.
    pub(crate) async fn version(
        transaction: &Transaction,
    ) -> Result<(Option<u64>, impl FnOnce() -> Result<Self, Fault>), Fault> {
        let found = transaction.peek_versioned(&drawer(), RECORD).await?;
        let version = found.as_ref().map_or(Some(0), |(_, version)| *version);
        let read = move || match found {
            None => Ok(Self::default()),
            Some((bytes, _)) => serde_json::from_slice(&bytes)
                .map_err(|error| Fault::internal(format!("the record of audit devices is damaged: {error}"))),
        };
        Ok((version, read))
    }

    /// The table, to be changed: it must be the same at commit.
    pub(crate) async fn read(transaction: &mut Transaction) -> Result<Self, Fault> {
        Ok(transaction.get_json(&drawer(), RECORD).await?.unwrap_or_default())
    }

    pub(crate) fn write(&self, transaction: &mut Transaction) -> Result<(), Fault> {
        transaction.put_json(&drawer(), RECORD, self).map_err(Fault::from)
    }

    pub(crate) fn find(&self, path: &MountPath) -> Option<&Record> {
        self.devices.iter().find(|device| device.path == *path)
    }

    /// Refuses a device that has no room beside the others.
    pub(crate) fn check(&self, path: &MountPath, wanted: &Wanted) -> Result<(), Fault> {
        if wanted.description.len() > DESCRIPTION_MAX {
            return Err(Fault::invalid("description: at most 1024 bytes"));
        }
        let target = Options::parse(&wanted.kind, &wanted.options)?.target;
        if self.find(path).is_some() {
            return Err(Fault::invalid(format!("path already in use: there is an audit device at {path}")));
        }
        let is_same = |other: &&Record| {
            matches!(target, Target::File { .. })
                && Options::parse(&other.kind, &other.options).is_ok_and(|known| same_file(&known.target, &target))
        };
        if let Some(other) = self.devices.iter().find(is_same) {
            return Err(Fault::invalid(format!("options: file_path: the audit device at {} writes to it", other.path)));
        }
        if self.devices.len() >= DEVICES_MAX {
            return Err(Fault::invalid(format!("there are {DEVICES_MAX} audit devices: disable one first")));
        }
        Ok(())
    }
}

fn same_file(one: &Target, other: &Target) -> bool {
    matches!((one, other), (Target::File { path: one, .. }, Target::File { path: other, .. }) if one == other)
}
