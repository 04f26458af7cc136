//! `operator snapshot`.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use storage::archive::{self, Decoder, Summary};

use crate::client::Client;
use crate::environment::Environment;
use crate::part::Part;
use crate::session::{Act, Asking, Exit, Run, Session, WELL};
use crate::terminal::Terminal;
use crate::{Error, progress};

const PATH: &str = "sys/storage/snapshot";
/// How much is read at once, in bytes.
const READ_MAX: usize = 64 * 1024;

/// The whole store as one file.
#[derive(Debug, clap::Subcommand)]
pub enum Snapshot {
    /// Saves all that the server keeps to a file, while it goes on serving.
    #[command(after_help = "Examples:\n  innkeeper operator snapshot save backup-1")]
    Save(Asking<Save>),
    /// Replaces all that the server keeps by what is in the file. Asks nothing.
    #[command(after_help = "Examples:\n  innkeeper operator snapshot restore backup-1")]
    Restore(Asking<Restore>),
    /// Says whether a file is whole and what it holds. Needs no server.
    #[command(after_help = "Examples:\n  innkeeper operator snapshot verify backup-1")]
    Verify {
        /// A file that `save` made.
        file: PathBuf,
    },
}

impl Snapshot {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Save(asking) => asking.run(environment, terminal),
            Self::Restore(asking) => asking.run(environment, terminal),
            Self::Verify { file } => {
                terminal.line(&verify(file)?)?;
                Ok(WELL)
            }
        }
    }
}

/// A file that is made.
#[derive(Debug, clap::Args)]
pub struct Save {
    /// Where to; it appears only once it is complete and verified.
    pub file: PathBuf,
    /// Overwrite the file if it exists.
    #[arg(long)]
    pub force: bool,
}

impl Act for Save {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let done = save(&self.file, self.force, &session.client)?;
        session.terminal.line(&done)?;
        Ok(WELL)
    }
}

/// A file that is brought back.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// A file that `save` made.
    pub file: PathBuf,
}

impl Act for Restore {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let done = restore(&self.file, &session.client)?;
        session.terminal.line(&done)?;
        Ok(WELL)
    }
}

/// Keeps what the server sends only if it is whole.
fn save(name: &Path, force: bool, client: &Client) -> Result<String, Error> {
    let mut part = Part::open(name, force)?;
    let doing = |error: Error| error.during("saving the snapshot");
    let mut body = client.download(PATH).map_err(doing)?.into_body().into_reader();
    let mut decoder = Decoder::new();
    let bar = progress::bar("saving", None);
    let broken = |error: archive::Error| Error::Received(error.to_string());
    let mut piece = vec![0; READ_MAX];
    loop {
        let length = body.read(&mut piece).map_err(|error| Error::Received(error.to_string()))?;
        if length == 0 {
            break;
        }
        decoder.feed(&piece[..length]);
        while decoder.step().map_err(broken)?.is_some() {}
        part.write(&piece[..length])?;
        bar.inc(length as u64);
    }
    let summary = decoder.finish().map_err(broken)?;
    part.finish()?;
    Ok(line("saved", name, &summary))
}

/// Sends only what is whole.
fn restore(name: &Path, client: &Client) -> Result<String, Error> {
    let (mut file, size) = open(name)?;
    let summary = read(name, &file, size)?;
    file.rewind().map_err(|error| Error::File { path: name.to_owned(), error })?;
    let bar = progress::bar("restoring", Some(size));
    let sent = client.upload(PATH, size, bar.wrap_read(file.take(size)));
    sent.map_err(|error| error.during("restoring the snapshot"))?;
    Ok(line("restored", name, &summary))
}

fn verify(name: &Path) -> Result<String, Error> {
    let (file, size) = open(name)?;
    Ok(line("whole", name, &read(name, &file, size)?))
}

fn open(name: &Path) -> Result<(File, u64), Error> {
    let failed = |error| Error::File { path: name.to_owned(), error };
    let file = File::open(name).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok((file, size))
}

fn read(name: &Path, file: &File, size: u64) -> Result<Summary, Error> {
    let bar = progress::bar("verifying", Some(size));
    archive::verify(bar.wrap_read(file)).map_err(|error| Error::Archive { path: name.to_owned(), error })
}

fn line(done: &str, name: &Path, summary: &Summary) -> String {
    let Summary { format, created, records, bytes } = *summary;
    let made = i64::try_from(created).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let made = made.map_or_else(|| format!("{created} s after 1970"), |made| made.to_string());
    format!("{}: {done}, {records} records, {}, made {made}, format {format}", name.display(), HumanBytes(bytes))
}
