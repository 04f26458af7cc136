//! Where an upload waits until it is complete.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use model::{Chunks, Fault, Kind};
use storage::archive::Decoder;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::{fresh_id, snapshot};

/// How much is read back at once, in bytes.
const READ_MAX: usize = 256 * 1024;

/// A snapshot's file that came whole and that nothing is wrong with, kept in a file without a name: it goes with the
/// value, and with the process. Gives its bytes back in pieces.
pub(crate) struct Spool(File);

impl Spool {
    /// Takes all of an upload. What is wrong with it ends it as soon as it shows.
    pub(crate) async fn receive(folder: &Path, upload: &mut dyn Chunks) -> Result<Self, Fault> {
        let mut file = nameless(folder).await?;
        let mut decoder = Decoder::new();
        while let Some(piece) = upload.next().await? {
            decoder.feed(&piece);
            while decoder.step().map_err(|error| snapshot::failed(error.into()))?.is_some() {}
            file.write_all(&piece).await.map_err(|error| no_room(&error))?;
        }
        decoder.finish().map_err(|error| snapshot::failed(error.into()))?;
        file.flush().await.map_err(|error| no_room(&error))?;
        file.rewind().await.map_err(|error| no_room(&error))?;
        Ok(Self(file))
    }
}

#[async_trait]
impl Chunks for Spool {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let mut piece = vec![0; READ_MAX];
        let length = self.0.read(&mut piece).await;
        let length = length.map_err(|error| Fault::internal(format!("reading an upload back: {error}")))?;
        piece.truncate(length);
        Ok((length > 0).then_some(piece))
    }
}

async fn nameless(folder: &Path) -> Result<File, Fault> {
    let path = folder.join(format!("innkeeper-upload-{}", fresh_id()?));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(&path).await.map_err(|error| no_room(&error))?;
    tokio::fs::remove_file(&path).await.map_err(|error| no_room(&error))?;
    Ok(file)
}

fn no_room(error: &io::Error) -> Fault {
    let text = "the server has no room to keep the upload until it is complete: see its log";
    Fault::new(Kind::Unavailable, text).detail(format!("the folder for uploads (TMPDIR): {error}"))
}
