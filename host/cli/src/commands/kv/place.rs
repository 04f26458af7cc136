//! Where a secret is: the mount, its version, and the path in it.

use crate::Error;
use crate::client::Ask;
use crate::session::{Session, trimmed};

/// Which secret.
#[derive(Debug, clap::Args)]
pub struct Secret {
    /// The secret: MOUNT/PATH, or PATH with -mount.
    pub path: String,
    /// Where the engine is mounted, for a path without that.
    #[arg(long, value_name = "PATH")]
    pub mount: Option<String>,
}

/// A secret that was found.
#[derive(Debug)]
pub(super) struct Place {
    /// Without slashes around it.
    pub(super) mount: String,
    pub(super) path: String,
    pub(super) version: u8,
}

impl Secret {
    /// Asks the server which mount it is, and of which version.
    pub(super) fn find(&self, session: &Session<'_>) -> Result<Place, Error> {
        let whole = match &self.mount {
            Some(mount) => format!("{}/{}", trimmed(mount), trimmed(&self.path)),
            None => trimmed(&self.path).to_owned(),
        };
        let whole = trimmed(&whole);
        let doing = "making the preflight check";
        let ask = Ask::get(&format!("sys/internal/ui/mounts/{whole}")).beforehand();
        let found = match session.client.find(&ask) {
            // An old server that does not know the question has version 1 only.
            Err(error) if error.status() == Some(404) => None,
            other => other.map_err(|error| error.during(doing))?,
        };
        let Some(found) = found else {
            let (mount, path) = whole.split_once('/').unwrap_or((whole, ""));
            return Ok(Place { mount: mount.to_owned(), path: path.to_owned(), version: 1 });
        };
        let data = found.data()?;
        let mount = trimmed(data["path"].as_str().unwrap_or_default()).to_owned();
        let path = whole
            .strip_prefix(&mount)
            .ok_or_else(|| Error::Unreadable("the server names a mount that does not lead to the path".to_owned()))?;
        let version = if data.pointer("/options/version").is_some_and(|version| *version == "2") { 2 } else { 1 };
        let path = trimmed(path).to_owned();
        Ok(Place { mount, path, version })
    }

    /// The same where only version 2 can do what is asked.
    pub(super) fn find_versioned(&self, session: &Session<'_>, what: &str) -> Result<Place, Error> {
        let place = self.find(session)?;
        if place.version == 2 {
            return Ok(place);
        }
        Err(Error::Unreadable(format!("K/V engine mount must be version 2 for {what} support")))
    }
}

impl Place {
    /// The path of the API: below `data`, `metadata` and so on where there are versions.
    pub(super) fn at(&self, what: &str) -> String {
        let path = match self.version {
            2 => format!("{}/{what}/{}", self.mount, self.path),
            _ => format!("{}/{}", self.mount, self.path),
        };
        path.trim_end_matches('/').to_owned()
    }
}
