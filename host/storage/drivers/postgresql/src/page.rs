//! Listings as questions to the database and their answers.

use storage::{Error, Listing, Page};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::Fault;
use crate::parameters::Bytes;

/// A listing as ranges of keys.
pub(crate) struct Question {
    /// The first key that may be in it.
    from: Bytes<Vec<u8>>,
    /// The first key that is behind it.
    end: Bytes<Vec<u8>>,
    /// One name more than is wanted tells whether there are more.
    wanted: i64,
    /// Where names begin in keys, counted from 1.
    begin: i32,
    limit: usize,
}

impl Question {
    pub(crate) fn new(listing: &Listing) -> Self {
        let prefix = listing.prefix.as_bytes();
        Self {
            from: Bytes(first(listing)),
            end: Bytes(end(prefix)),
            wanted: i64::try_from(listing.limit).unwrap_or(i64::MAX).saturating_add(1),
            begin: i32::try_from(prefix.len()).unwrap_or(i32::MAX).saturating_add(1),
            limit: listing.limit,
        }
    }

    /// The parameters of [`crate::statements::Statements::list`].
    pub(crate) fn parameters<'a>(&'a self, commit: &'a i64) -> [&'a (dyn ToSql + Sync); 5] {
        [&self.from, &self.end, commit, &self.wanted, &self.begin]
    }

    pub(crate) fn page(&self, rows: &[Row]) -> Result<Page, Error> {
        let name = |row: &Row| text(row.try_get(0).map_err(Fault::from)?);
        let names: Result<Vec<String>, Error> = rows.iter().take(self.limit).map(name).collect();
        Ok(Page { names: names?, more: rows.len() > self.limit })
    }
}

/// The first key that a listing may show: keys have no byte 0, so it is what follows a key at once.
pub(crate) fn first(listing: &Listing) -> Vec<u8> {
    let mut from = listing.prefix.clone().into_bytes();
    let last = match &listing.after {
        Some(after) => match after.strip_suffix('/') {
            Some(folder) => {
                from.extend(folder.bytes());
                b'0'
            }
            None => {
                from.extend(after.bytes());
                0
            }
        },
        None => 0,
    };
    from.push(last);
    from
}

/// The first key behind all that begin with a prefix: its last byte, a slash, counted up. UTF-8 has no byte 255.
fn end(prefix: &[u8]) -> Vec<u8> {
    match prefix.split_last() {
        Some((last, rest)) => [rest, &[last.saturating_add(1)]].concat(),
        None => vec![255],
    }
}

/// A key or a name as text.
pub(crate) fn text(bytes: &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::Damaged {
        key: String::from_utf8_lossy(bytes).into_owned(),
        reason: "its key is not UTF-8".into(),
    })
}
