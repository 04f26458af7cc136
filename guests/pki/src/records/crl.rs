//! Revocation lists: what belongs on them, and the lists as built. Both are kept in pieces, because one value may have
//! 1 MiB and a list of 100 000 entries has four.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{load, load_bytes, names, save, save_bytes};

/// Bytes per piece.
const PIECE: usize = 1_000_000;
/// The largest list that can be answered at once; the PEM form is a third larger than the list.
const LIST_MAX: usize = 6_000_000;

/// `crls/<issuer>`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CrlState {
    /// The number of the list (RFC 5280 section 5.2.3).
    pub(crate) number: u64,
    /// Seconds since 1970.
    pub(crate) this_update: u64,
    /// Seconds since 1970.
    pub(crate) next_update: u64,
    /// How many pieces there are.
    pub(crate) pieces: usize,
}

impl CrlState {
    pub(crate) fn load(issuer: &str) -> Result<Option<Self>, Fault> {
        load(&format!("crls/{issuer}"))
    }

    /// The list itself.
    pub(crate) fn list(issuer: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(state) = Self::load(issuer)? else { return Ok(None) };
        let mut list = Vec::new();
        for piece in 0..state.pieces {
            let key = format!("crls/{issuer}/{piece}");
            list.extend(load_bytes(&key)?.ok_or_else(|| Fault::internal(format!("the record {key} is missing")))?);
        }
        Ok(Some(list))
    }

    /// Writes head and pieces, and removes pieces of a longer predecessor.
    pub(crate) fn save(mut self, issuer: &str, before: usize, list: &[u8]) -> Result<(), Fault> {
        if list.len() > LIST_MAX {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("the revocation list would have {} bytes; at most {LIST_MAX} can be served", list.len()),
            ));
        }
        self.pieces = 0;
        for piece in list.chunks(PIECE) {
            save_bytes(&format!("crls/{issuer}/{}", self.pieces), piece)?;
            self.pieces += 1;
        }
        for gone in self.pieces..before {
            storage::delete(&format!("crls/{issuer}/{gone}"))?;
        }
        save(&format!("crls/{issuer}"), &self)
    }

    /// Removes the list of an issuer that is no more.
    pub(crate) fn delete(issuer: &str) -> Result<(), Fault> {
        let pieces = Self::load(issuer)?.map_or(0, |state| state.pieces);
        for piece in 0..pieces {
            storage::delete(&format!("crls/{issuer}/{piece}"))?;
        }
        Ok(storage::delete(&format!("crls/{issuer}"))?)
    }
}

/// What belongs on the list of an issuer: `revoked-lists/<list>/<piece>`, entries one after the other. Building a list
/// reads these few records instead of one for each certificate.
pub(crate) struct RevokedList;

/// Bytes of an entry besides the serial number: its length, and the moment.
const ENTRY_FRAME: usize = 1 + 8;

impl RevokedList {
    /// Adds a serial number of at most 255 bytes and the moment of its revocation, in seconds since 1970.
    pub(crate) fn add(list: &str, serial: &[u8], moment: u64) -> Result<(), Fault> {
        let length = u8::try_from(serial.len()).map_err(|_| Fault::invalid("the serial number is too long"))?;
        let last = names(&folder(list))?.iter().filter_map(|name| name.parse::<u32>().ok()).max().unwrap_or(0);
        let piece = load_bytes(&piece(list, last))?.unwrap_or_default();
        let (at, mut bytes) =
            if piece.len() + serial.len() + ENTRY_FRAME > PIECE { (last + 1, Vec::new()) } else { (last, piece) };
        bytes.push(length);
        bytes.extend_from_slice(serial);
        bytes.extend_from_slice(&moment.to_be_bytes());
        save_bytes(&self::piece(list, at), &bytes)
    }

    /// All entries of a list.
    pub(crate) fn entries(list: &str) -> Result<Vec<(Vec<u8>, u64)>, Fault> {
        let mut entries = Vec::new();
        for name in names(&folder(list))? {
            let key = format!("{}{name}", folder(list));
            let bytes = load_bytes(&key)?.unwrap_or_default();
            let mut rest = bytes.as_slice();
            while let Some((length, tail)) = rest.split_first() {
                let broken = || Fault::internal(format!("the record {key} is cut off"));
                let (serial, tail) = tail.split_at_checked(usize::from(*length)).ok_or_else(broken)?;
                let (moment, tail) = tail.split_first_chunk().ok_or_else(broken)?;
                entries.push((serial.to_vec(), u64::from_be_bytes(*moment)));
                rest = tail;
            }
        }
        Ok(entries)
    }

    /// The lists that have entries, those of issuers that are no more among them.
    pub(crate) fn all() -> Result<Vec<String>, Fault> {
        let mut lists = Vec::new();
        for name in storage::names("revoked-lists/") {
            lists.extend(name?.strip_suffix('/').map(str::to_owned));
        }
        Ok(lists)
    }
}

fn folder(list: &str) -> String {
    format!("revoked-lists/{list}/")
}

fn piece(list: &str, at: u32) -> String {
    format!("{}{at}", folder(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_kept_in_pieces_and_a_shorter_one_leaves_none_behind() {
        let long = vec![7; 2 * PIECE + 5];
        CrlState { number: 1, ..CrlState::default() }.save("i", 0, &long).unwrap();
        assert_eq!(CrlState::load("i").unwrap().unwrap().pieces, 3);
        assert_eq!(CrlState::list("i").unwrap().unwrap(), long);
        CrlState { number: 2, ..CrlState::default() }.save("i", 3, b"short").unwrap();
        assert_eq!(CrlState::list("i").unwrap().unwrap(), b"short");
        assert_eq!(storage::get("crls/i/1").unwrap(), None);
        let fault = CrlState::default().save("i", 1, &vec![0; LIST_MAX + 1]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge);
    }

    #[test]
    fn entries_are_read_back_over_the_end_of_a_piece() {
        let serial = |number: u32| [&[9; 16], &number.to_be_bytes()[..]].concat();
        let many = 1 + (PIECE / (20 + ENTRY_FRAME)) as u32;
        let piece: Vec<u8> =
            (1..many).flat_map(|n| [&[20][..], &serial(n), &u64::from(n).to_be_bytes()].concat()).collect();
        save_bytes("revoked-lists/l/0", &piece).unwrap();
        RevokedList::add("l", &serial(many), many.into()).unwrap();
        RevokedList::add("other", &[1], 5).unwrap();
        let entries = RevokedList::entries("l").unwrap();
        assert_eq!(entries.len(), many as usize);
        assert!((1..).zip(&entries).all(|(n, entry)| *entry == (serial(n), n.into())));
        assert_eq!(storage::names("revoked-lists/l/").count(), 2);
        assert_eq!(RevokedList::all().unwrap(), ["l", "other"]);
        save_bytes("revoked-lists/l/0", &piece[..piece.len() - 1]).unwrap();
        assert!(RevokedList::entries("l").is_err());
    }
}
