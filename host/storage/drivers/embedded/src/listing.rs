//! Names below a prefix, over any table of the engine.

use std::ops::Bound;

use redb::ReadableTable;
use storage::{Listing, Page};

type Bytes = &'static [u8];

/// Walks the names below the prefix, jumping over what lies below each folder. Between two folders it steps from record
/// to record, which is cheaper than to look each one up.
pub(crate) fn list(table: &impl ReadableTable<Bytes, Bytes>, listing: &Listing) -> Result<Page, redb::Error> {
    let prefix = listing.prefix.as_bytes();
    let mut page = Page::default();
    let mut from = match &listing.after {
        Some(after) => past(prefix, after.as_bytes()),
        None => Bound::Excluded(prefix.to_vec()),
    };
    'jumps: loop {
        let start = from.as_ref().map(Vec::as_slice);
        for record in table.range::<&[u8]>((start, Bound::Unbounded))? {
            let (key, _) = record?;
            let Some(rest) = key.value().strip_prefix(prefix) else { break 'jumps };
            if page.names.len() == listing.limit {
                page.more = true;
                break 'jumps;
            }
            let slash = rest.iter().position(|byte| *byte == b'/');
            let name = &rest[..slash.map_or(rest.len(), |slash| slash + 1)];
            page.names.push(text(name)?);
            if slash.is_some() {
                from = past(prefix, name);
                continue 'jumps;
            }
        }
        break;
    }
    Ok(page)
}

/// Where the names following `name` begin: after the name itself, or for a folder after everything below it, which is
/// where `0`, the byte after `/`, would stand in its place.
fn past(prefix: &[u8], name: &[u8]) -> Bound<Vec<u8>> {
    match name.strip_suffix(b"/") {
        Some(folder) => Bound::Included([prefix, folder, b"0"].concat()),
        None => Bound::Excluded([prefix, name].concat()),
    }
}

pub(crate) fn text(key: &[u8]) -> Result<String, redb::Error> {
    String::from_utf8(key.to_vec()).map_err(|_| redb::Error::Corrupted("a key is not text".to_owned()))
}
