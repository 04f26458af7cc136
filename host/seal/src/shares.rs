//! Shares of a key, after Shamir.

use std::collections::BTreeSet;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blahaj::Sharks;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use storage::barrier::SecretKey;
use zeroize::Zeroizing;

use crate::Error;

/// Most shares of one key.
pub const SHARES_MAX: u8 = 255;
/// Shortest and longest share that is looked at, in bytes: a key itself has 32, a share of one its place and 32.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=33;

/// One operator's share. Of a key with one share it is the key itself.
#[derive(Clone)]
pub struct Share(Zeroizing<Vec<u8>>);

impl Share {
    /// Reads a share in hexadecimal or base64.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::invalid("'key' must be specified in request body as JSON, or 'reset' set to true"));
        }
        let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
        let bytes =
            bytes.map(Zeroizing::new).ok_or_else(|| Error::invalid("'key' must be a valid hex or base64 string"))?;
        if LENGTHS.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(Error::invalid(format!(
                "key: has {} bytes; a share has {} to {}",
                bytes.len(),
                LENGTHS.start(),
                LENGTHS.end()
            )))
        }
    }

    /// In hexadecimal digits.
    pub fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(&*self.0))
    }

    /// In base64.
    pub fn base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&*self.0))
    }

    /// The share as it is.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a share"))
    }
}

/// Splits a key into so many shares, of which `threshold` make it up again.
pub(crate) fn split(key: &SecretKey, shares: u8, threshold: u8) -> Vec<Share> {
    if shares == 1 {
        return vec![Share(Zeroizing::new(key.bytes().to_vec()))];
    }
    let dealer = Sharks(threshold).dealer(key.bytes());
    dealer.take(shares.into()).map(|share| Share(Zeroizing::new(Vec::from(&share)))).collect()
}

/// The key that shares make up. Of any others than the right ones comes another key, or none.
pub(crate) fn combine(shares: &[Share], threshold: u8) -> Option<SecretKey> {
    if threshold == 1
        && let [only] = shares
    {
        return SecretKey::from_bytes(&only.0);
    }
    // Two shares of one place would have the field divide by zero; place zero would be the secret itself.
    let places: BTreeSet<u8> = shares.iter().filter_map(|share| share.0.first().copied()).collect();
    let alike = shares.iter().all(|share| share.0.len() == *LENGTHS.end());
    if !alike || places.len() != shares.len() || places.contains(&0) {
        return None;
    }
    let parts: Option<Vec<blahaj::Share>> =
        shares.iter().map(|share| blahaj::Share::try_from(share.0.as_slice()).ok()).collect();
    let secret = Zeroizing::new(Sharks(threshold).recover(&parts?).ok()?);
    SecretKey::from_bytes(&secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretKey {
        SecretKey::random().unwrap()
    }

    #[test]
    fn any_threshold_of_the_shares_makes_up_the_key_and_fewer_do_not() {
        let key = key();
        let shares = split(&key, 5, 3);
        assert_eq!(shares.len(), 5);
        for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let chosen: Vec<Share> = chosen.iter().map(|at| shares[*at].clone()).collect();
            assert_eq!(combine(&chosen, 3).unwrap().bytes(), key.bytes());
            assert!(combine(&chosen[..2], 3).is_none_or(|wrong| wrong.bytes() != key.bytes()));
            assert!(combine(&chosen[..2], 2).is_none_or(|wrong| wrong.bytes() != key.bytes()));
        }
    }

    #[test]
    fn the_only_share_of_a_key_is_the_key() {
        let key = key();
        let shares = split(&key, 1, 1);
        assert_eq!(hex::decode(&*shares[0].hex()).unwrap(), key.bytes());
        assert_eq!(combine(&shares, 1).unwrap().bytes(), key.bytes());
    }

    #[test]
    fn shares_of_one_place_of_no_place_and_of_odd_lengths_make_up_nothing() {
        let shares = split(&key(), 5, 3);
        let twice = [shares[0].clone(), shares[1].clone(), shares[0].clone()];
        assert!(combine(&twice, 3).is_none());
        let mut nowhere = shares[2].0.to_vec();
        nowhere[0] = 0;
        assert!(combine(&[shares[0].clone(), shares[1].clone(), Share(Zeroizing::new(nowhere))], 3).is_none());
        let short = Share(Zeroizing::new(shares[2].0[..20].to_vec()));
        assert!(combine(&[shares[0].clone(), shares[1].clone(), short], 3).is_none());
        assert!(combine(&[], 1).is_none());
    }

    #[test]
    fn shares_are_read_in_hexadecimal_and_base64_and_nothing_else() {
        let share = split(&key(), 2, 2).remove(0);
        for text in [&*share.hex(), &*share.base64(), &format!(" {}\n", &*share.hex())] {
            assert!(Share::parse(text).unwrap().is(&share));
        }
        for wrong in ["", "  ", "no share", "abcd", &"ab".repeat(34), "ключ"] {
            assert!(Share::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
