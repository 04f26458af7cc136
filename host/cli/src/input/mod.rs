//! What users type: pairs, files, secrets, durations.

mod duration;
mod pairs;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::SecretString;

pub(crate) use duration::duration;
pub(crate) use pairs::{data, query, strings};

use crate::Error;

/// Largest file that becomes part of a request, in bytes: what a server takes.
const FILE_MAX: u64 = 32 << 20;

/// A whole file, if it is not larger.
pub(crate) fn file(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::File { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(Error::Usage(format!("{} is larger than {max} bytes", path.display())));
    }
    Ok(bytes)
}

/// The same as text.
pub(crate) fn text_file(path: &Path) -> Result<String, Error> {
    let text = String::from_utf8(file(path, FILE_MAX)?);
    text.map_err(|_| Error::Usage(format!("{} is no text in UTF-8", path.display())))
}

/// A secret as it is, or `@FILE`: the file's text, without white space around it.
pub(crate) fn secret(text: &str) -> Result<SecretString, Error> {
    match text.strip_prefix('@') {
        Some(file) => Ok(SecretString::from(text_file(Path::new(file))?.trim())),
        None => Ok(SecretString::from(text)),
    }
}
