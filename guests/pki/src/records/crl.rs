//! Revocation lists as built: a head that says how large, and the list in pieces, because one value may have 1 MiB
//! and a list of 100 000 entries has four.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{load, load_bytes, save, save_bytes};

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
}
