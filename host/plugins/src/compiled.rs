//! Native code of components, kept in a folder so that a node that starts need not compile.
//!
//! Native code is run as it is, and whoever can write to the folder could put anything there. So each file carries a
//! code of authenticity under a key that only the open barrier has; what does not carry it is compiled anew. The code covers
//! the component's digest and the engine's settings, so that no file can stand in another's place.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use storage::Transaction;

use crate::Error;
use crate::code::drawer;

/// Largest file, in bytes: native code is some four times the component.
const FILE_MAX: u64 = 512 << 20;
/// Length of the code of authenticity.
const TAG: usize = 32;
/// What the code of authenticity begins with, so that it is good for nothing else.
const PURPOSE: &[u8] = b"innkeeper compiled component 1\0";
/// The record of the key.
const KEY: &str = "compiled-key";

/// The folder.
#[derive(Clone)]
pub struct Compiled(Arc<Dir>);

/// The key that vouches for files.
#[derive(Clone)]
pub(crate) struct Vouch(hmac::Key);

/// What a file must be of.
pub(crate) struct Of<'a> {
    /// The component's digest, in hex.
    pub(crate) sha256: &'a str,
    /// The engine's settings, in hex.
    pub(crate) settings: &'a str,
}

impl Of<'_> {
    fn name(&self) -> String {
        format!("{}-{}.cwasm", self.sha256, self.settings)
    }
}

impl Compiled {
    /// Opens the folder, once, when the server starts.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Dir::open_ambient_dir(path, ambient_authority())?)))
    }

    /// The code that is kept, if it is there and authentic. Blocks.
    pub(crate) fn get(&self, of: &Of<'_>, vouch: &Vouch) -> Option<Vec<u8>> {
        let file = match self.0.open(of.name()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => return unusable(of, &error.to_string()),
        };
        let mut bytes = Vec::new();
        if let Err(error) = file.take(FILE_MAX).read_to_end(&mut bytes) {
            return unusable(of, &error.to_string());
        }
        match bytes.split_at_checked(TAG) {
            Some((tag, code)) if vouch.holds(of, code, tag) => Some(bytes.split_off(TAG)),
            _ => unusable(of, "it is not what this server wrote"),
        }
    }

    /// Keeps code for later. A failure costs time later on, and nothing else. Blocks.
    pub(crate) fn put(&self, of: &Of<'_>, vouch: &Vouch, code: &[u8]) {
        if let Err(error) = self.write(of, vouch, code) {
            tracing::warn!(component = of.sha256, %error, "native code was not kept: it is compiled again at the next start");
        }
    }

    fn write(&self, of: &Of<'_>, vouch: &Vouch, code: &[u8]) -> std::io::Result<()> {
        // A name of its own: two nodes may share the folder.
        let mut own = [0; 8];
        SystemRandom::new().fill(&mut own).map_err(|_| std::io::Error::other("no randomness"))?;
        let (name, temporary) = (of.name(), format!("{}.{}.part", of.name(), hex::encode(own)));
        let mut options = OpenOptions::new();
        let mut file = self.0.open_with(&temporary, options.write(true).create_new(true).mode(0o600))?;
        let written = file.write_all(vouch.tag(of, code).as_ref()).and_then(|()| file.write_all(code));
        written.and_then(|()| self.0.rename(&temporary, &self.0, &name)).inspect_err(|_| {
            let _ = self.0.remove_file(&temporary);
        })
    }
}

fn unusable(of: &Of<'_>, why: &str) -> Option<Vec<u8>> {
    tracing::warn!(component = of.sha256, why, "native code that is kept is not used: the component is compiled anew");
    None
}

impl Vouch {
    /// The key that the store keeps.
    pub(crate) async fn find(transaction: &Transaction) -> Result<Option<Self>, Error> {
        let found = transaction.peek(&drawer(), KEY).await?;
        Ok(found.map(|bytes| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    /// Makes the key, if there is none.
    pub(crate) async fn make(transaction: &mut Transaction) -> Result<(), Error> {
        if transaction.get(&drawer(), KEY).await?.is_some() {
            return Ok(());
        }
        let mut bytes = vec![0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Internal("no randomness".to_owned()))?;
        Ok(transaction.put(&drawer(), KEY, bytes)?)
    }

    fn context(&self, of: &Of<'_>, code: &[u8]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [PURPOSE, of.sha256.as_bytes(), b"\0", of.settings.as_bytes(), b"\0", code] {
            context.update(part);
        }
        context
    }

    fn tag(&self, of: &Of<'_>, code: &[u8]) -> hmac::Tag {
        self.context(of, code).sign()
    }

    fn holds(&self, of: &Of<'_>, code: &[u8], tag: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.tag(of, code).as_ref(), tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Compiled) {
        let folder = tempfile::tempdir().unwrap();
        let compiled = Compiled::open(folder.path()).unwrap();
        (folder, compiled)
    }

    fn vouch(byte: u8) -> Vouch {
        Vouch(hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]))
    }

    const OF: Of<'_> = Of { sha256: "aa", settings: "bb" };

    #[test]
    fn what_was_kept_comes_back() {
        let (_folder, compiled) = folder();
        assert!(compiled.get(&OF, &vouch(1)).is_none());
        compiled.put(&OF, &vouch(1), b"code");
        assert_eq!(compiled.get(&OF, &vouch(1)).unwrap(), b"code");
    }

    #[test]
    fn what_somebody_else_wrote_or_moved_is_not_used() {
        let (folder, compiled) = folder();
        compiled.put(&OF, &vouch(1), b"code");
        assert!(compiled.get(&OF, &vouch(2)).is_none(), "another key");
        let (file, other) = (folder.path().join(OF.name()), Of { sha256: "cc", settings: "bb" });
        std::fs::copy(&file, folder.path().join(other.name())).unwrap();
        assert!(compiled.get(&other, &vouch(1)).is_none(), "another component's");
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(compiled.get(&OF, &vouch(1)).is_none(), "one bit");
        std::fs::write(&file, b"short").unwrap();
        assert!(compiled.get(&OF, &vouch(1)).is_none(), "too short");
    }
}
