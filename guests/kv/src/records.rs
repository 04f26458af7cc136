//! What is stored, and under which names.
//!
//! ```text
//! secrets/<path>          version 1: a value
//! config                  version 2: what holds for the mount
//! metadata/<path>         version 2: settings of a secret, facts about its versions
//! versions/<path>/<n>     version 2: the value of version n
//! ```
//! Every record carries the `version` of its own form.

use std::collections::BTreeMap;
use std::fmt;

use innkeeper_guest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::moments::{Moment, Span};

/// The form that records are written in.
const FORM: u32 = 1;

/// Longest path, so that with what stands before and after it a key keeps within the 512 bytes that storage takes.
const PATH_MAX: usize = 480;
const SEGMENT_MAX: usize = 255;

/// Versions of a secret that are kept when nobody says how many.
const VERSIONS_DEFAULT: u32 = 10;
/// Most versions of a secret that are kept, whatever is said: removing them all is one request's work.
pub(crate) const VERSIONS_MAX: u32 = 5_000;

/// The path of a secret, fit to be stored.
#[derive(Debug)]
pub(crate) struct Path(String);

impl Path {
    /// Checks a path.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > PATH_MAX {
            return Err(Fault::invalid(format!("path: must have at most {PATH_MAX} bytes")));
        }
        let segment_ok =
            |segment: &str| (1..=SEGMENT_MAX).contains(&segment.len()) && segment != "." && segment != "..";
        if !text.split('/').all(segment_ok) || text.contains(char::is_control) {
            return Err(Fault::invalid(
                "path: each part must have 1 to 255 bytes, and be neither '.' nor '..' nor hold control characters",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The path that a request captured.
    pub(crate) fn of(request: &Request) -> Result<Self, Fault> {
        Self::parse(request.capture("path"))
    }

    fn metadata(&self) -> String {
        format!("{METADATA}{self}")
    }

    fn version(&self, number: u64) -> String {
        format!("versions/{self}/{number}")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names directly below a path in a room (ending in `/`); the empty path is the room.
pub(crate) fn folder(room: &str, path: &str) -> Result<Vec<String>, Fault> {
    let path = path.trim_end_matches('/');
    let prefix = if path.is_empty() { room.to_owned() } else { format!("{room}{}/", Path::parse(path)?) };
    Ok(storage::names(&prefix).collect::<Result<_, _>>()?)
}

/// Where the facts about secrets lie.
pub(crate) const METADATA: &str = "metadata/";
const CONFIG: &str = "config";

fn load<T: DeserializeOwned>(key: &str, form: fn(&T) -> u32) -> Result<Option<T>, Fault> {
    let record = storage::get_json(key)?;
    if record.as_ref().is_some_and(|record| form(record) != FORM) {
        return Err(Fault::internal(format!("the record {key} has a form that this engine does not know")));
    }
    Ok(record)
}

/// What a client keeps: names, and what stands under each as it was written, so that numbers keep all their digits.
pub(crate) type Kept = BTreeMap<String, Box<RawValue>>;

/// A value.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secret {
    version: u32,
    /// The value itself, opaque.
    pub(crate) data: Kept,
}

impl Secret {
    /// A value to be kept.
    pub(crate) fn new(data: Kept) -> Self {
        Self { version: FORM, data }
    }

    /// Reads a value.
    pub(crate) fn load(key: &str) -> Result<Option<Self>, Fault> {
        load(key, |secret: &Self| secret.version)
    }

    /// Writes a value.
    pub(crate) fn save(&self, key: &str) -> Result<(), Fault> {
        storage::put_json(key, self)
    }
}

/// What holds for every secret of a version 2 mount.
#[derive(Serialize, Deserialize)]
pub(crate) struct Config {
    version: u32,
    /// How many versions are kept; 0 is unset.
    pub(crate) max_versions: u32,
    /// Whether every write must say which version it replaces.
    pub(crate) cas_required: bool,
    /// When versions are deleted.
    pub(crate) delete_version_after: Span,
}

impl Config {
    /// Reads what holds.
    pub(crate) fn load() -> Result<Self, Fault> {
        let unset = Self { version: FORM, max_versions: 0, cas_required: false, delete_version_after: Span::default() };
        Ok(load(CONFIG, |config: &Self| config.version)?.unwrap_or(unset))
    }

    /// Writes what holds.
    pub(crate) fn save(&self) -> Result<(), Fault> {
        storage::put_json(CONFIG, self)
    }
}

/// Settings of a secret and facts about its versions.
#[derive(Serialize, Deserialize)]
pub(crate) struct Metadata {
    version: u32,
    /// When the first version, or the settings, were written.
    pub(crate) created: Moment,
    /// When the last version was written.
    pub(crate) updated: Moment,
    /// The number of the last version; 0 before the first.
    pub(crate) current: u64,
    /// The number of the oldest version that is kept; 0 while none has been dropped.
    pub(crate) oldest: u64,
    /// The versions that are kept.
    pub(crate) versions: BTreeMap<u64, Facts>,
    /// How many versions are kept at least; 0 leaves it to the mount. The larger of the two holds, as in Vault.
    pub(crate) max_versions: u32,
    /// Whether writes must say which version they replace.
    pub(crate) cas_required: bool,
    /// When versions are deleted.
    pub(crate) delete_version_after: Span,
    /// What the client noted about the secret.
    pub(crate) custom: BTreeMap<String, String>,
}

/// What is known of one version besides its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// When it was written.
    pub(crate) created: Moment,
    /// When it was or will be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted: Option<Moment>,
    /// Whether its value has been removed for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) destroyed: bool,
}

impl Facts {
    /// Whether its value can no longer be read.
    pub(crate) fn gone(&self, now: Moment) -> bool {
        self.destroyed || self.deleted.is_some_and(|deleted| deleted <= now)
    }
}

impl Metadata {
    /// Of a secret without versions.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            version: FORM,
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            versions: BTreeMap::new(),
            max_versions: 0,
            cas_required: false,
            delete_version_after: Span::default(),
            custom: BTreeMap::new(),
        }
    }

    /// Reads the facts about a secret.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, Fault> {
        load(&path.metadata(), |metadata: &Self| metadata.version)
    }

    /// Writes them.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Fault> {
        storage::put_json(&path.metadata(), self)
    }

    /// The value of a version that is not gone.
    pub(crate) fn value(path: &Path, number: u64) -> Result<Kept, Fault> {
        let key = path.version(number);
        let missing = || Fault::internal(format!("the record {key} is missing"));
        Ok(Secret::load(&key)?.ok_or_else(missing)?.data)
    }

    /// Adds a version with its value, and drops those that are too old. Answers its number.
    pub(crate) fn add(&mut self, path: &Path, config: &Config, now: Moment, data: Kept) -> Result<u64, Fault> {
        self.current += 1;
        self.updated = now;
        let deleted = config.delete_version_after.shorter(self.delete_version_after);
        let facts = Facts { created: now, deleted: deleted.and_then(|seconds| now.after(seconds)), destroyed: false };
        self.versions.insert(self.current, facts);
        let kept = match self.max_versions.max(config.max_versions) {
            0 => VERSIONS_DEFAULT,
            wanted => wanted.min(VERSIONS_MAX),
        } as usize;
        while self.versions.len() > kept {
            let Some((number, _)) = self.versions.pop_first() else { break };
            storage::delete(&path.version(number))?;
            self.oldest = number + 1;
        }
        Secret::new(data).save(&path.version(self.current))?;
        self.save(path)?;
        Ok(self.current)
    }

    /// Removes the value of one version for good.
    pub(crate) fn destroy(&mut self, path: &Path, number: u64) -> Result<(), Fault> {
        if let Some(facts) = self.versions.get_mut(&number) {
            facts.destroyed = true;
            storage::delete(&path.version(number))?;
        }
        Ok(())
    }

    /// Removes the secret with all its versions.
    pub(crate) fn remove(self, path: &Path) -> Result<(), Fault> {
        for number in self.versions.keys() {
            storage::delete(&path.version(*number))?;
        }
        Ok(storage::delete(&path.metadata())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_leaves_room_for_the_longest_key() {
        let path = Path::parse(&["x".repeat(255), "y".repeat(PATH_MAX - 256)].join("/")).unwrap();
        assert!(path.version(u64::MAX).len() <= 512 && path.metadata().len() <= 512);
        assert!(Path::parse(&["x".repeat(255), "y".repeat(PATH_MAX - 255)].join("/")).is_err());
    }

    #[test]
    fn a_record_of_another_form_is_not_taken_for_ours() {
        storage::put("config", br#"{"version":2,"max_versions":0,"cas_required":false,"delete_version_after":"0s"}"#)
            .unwrap();
        assert_eq!(Config::load().err().unwrap().kind, FaultKind::Internal);
    }

    #[test]
    fn settings_survive_being_stored() {
        let path = Path::parse("a").unwrap();
        let mut metadata = Metadata::new(Moment::now());
        metadata.delete_version_after = Span(-1);
        metadata.versions.insert(7, Facts { created: Moment::now(), deleted: Some(Moment::now()), destroyed: true });
        metadata.save(&path).unwrap();
        let read = Metadata::load(&path).unwrap().unwrap();
        assert_eq!((read.delete_version_after, read.versions), (Span(-1), metadata.versions));
    }
}
