//! `sys/version-history`: the versions that this store was opened by.

use model::{Fault, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use storage::{Drawer, Error, Store};

use crate::status::RELEASED;
use crate::{Call, rfc3339, unsupported};

/// The version of the record.
const RECORD: u32 = 1;
/// Most versions that are remembered; of more, the oldest are forgotten.
const VERSIONS_MAX: usize = 256;
/// How often noting a version is tried when another node notes it at the same time.
const TRIES: u32 = 8;

/// At `versions`, oldest first.
#[derive(Default, Serialize, Deserialize)]
struct History {
    record: u32,
    versions: Vec<Version>,
}

/// A version as clients are told it.
#[derive(Serialize, Deserialize)]
struct Version {
    version: String,
    build_date: String,
    /// When it first opened the store. Seconds since 1970.
    installed: u64,
}

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

/// Notes that a version opens the store, unless it did before. To be called whenever a node opens.
pub async fn note_version(store: &Store, version: &str, now: u64) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let mut transaction = store.begin().await?;
        let found: Option<History> = transaction.get_json(&drawer(), "versions").await?;
        let mut versions = found.map(|history| history.versions).unwrap_or_default();
        if versions.iter().any(|known| known.version == version) {
            return Ok(());
        }
        versions.push(Version { version: version.to_owned(), build_date: RELEASED.to_owned(), installed: now });
        versions.drain(..versions.len().saturating_sub(VERSIONS_MAX));
        let history = History { record: RECORD, versions };
        transaction.put_json(&drawer(), "versions", &history)?;
        match transaction.commit().await {
            // Another node was first.
            Err(Error::Conflict) => {}
            done => return done.map_err(Fault::from),
        }
    }
    Ok(())
}

pub(crate) async fn list(call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let found: Option<History> = call.transaction.get_json(&drawer(), "versions").await?;
    let (mut keys, mut info) = (Vec::new(), Map::new());
    let mut previous = None;
    for Version { version, build_date, installed } in found.unwrap_or_default().versions {
        let shown = json!({
            "build_date": build_date, "previous_version": previous, "timestamp_installed": rfc3339(installed)?,
        });
        info.insert(version.clone(), shown);
        keys.push(version.clone());
        previous = Some(version);
    }
    if keys.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": keys, "key_info": info })) }
}
