//! `innkeeper operator snapshot`.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use indicatif::HumanBytes;
use storage::archive::{self, Decoder, Summary};

use crate::client::Client;
use crate::part::Part;
use crate::{Connection, Error, progress};

const PATH: &str = "sys/storage/snapshot";
/// How much is read at once, in bytes.
const READ_MAX: usize = 64 * 1024;

/// Keeps what the server sends only if it is whole.
pub(crate) fn save(name: &Path, force: bool, connection: &Connection) -> Result<String, Error> {
    let mut part = Part::open(name, force)?;
    let mut body = Client::new(connection)?.get(PATH)?.into_body().into_reader();
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
pub(crate) fn restore(name: &Path, connection: &Connection) -> Result<String, Error> {
    let (mut file, size) = open(name)?;
    let summary = read(name, &file, size)?;
    file.rewind().map_err(|error| Error::File { path: name.to_owned(), error })?;
    let bar = progress::bar("restoring", Some(size));
    Client::new(connection)?.post(PATH, size, bar.wrap_read(file.take(size)))?;
    Ok(line("restored", name, &summary))
}

pub(crate) fn verify(name: &Path) -> Result<String, Error> {
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
