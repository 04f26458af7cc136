//! The keys of the barrier, by term.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::cipher::{Cipher, KEY_LEN, SecretKey};
use crate::Error;

/// Layout of a stored keyring: this byte, then per term its number, when it was installed, and its key.
const RING_VERSION: u8 = 1;
const ENTRY_LEN: usize = 4 + 8 + KEY_LEN;
/// What a keyring's ciphertext is bound to.
const CONTEXT: &[u8] = b"innkeeper keyring";
/// Layout of an encrypted value: this byte, the term, a nonce, ciphertext and tag.
const VALUE_VERSION: u8 = 1;
const HEAD_LEN: usize = 5;

/// The keys that values are or were encrypted with. New values use the active, latest term; old terms only open.
#[derive(Clone)]
pub struct Keyring {
    terms: BTreeMap<u32, Arc<Entry>>,
    active: Term,
}

/// When a key came into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Counts from 1.
    pub number: u32,
    /// Seconds since 1970.
    pub installed: u64,
}

struct Entry {
    key: SecretKey,
    cipher: Cipher,
    installed: u64,
}

impl Keyring {
    /// A keyring of one fresh key. `now` in seconds since 1970.
    pub fn new(now: u64) -> Result<Self, Error> {
        let mut ring = Self { terms: BTreeMap::new(), active: Term { number: 0, installed: now } };
        ring.add(1, now, SecretKey::random()?)?;
        Ok(ring)
    }

    /// The same with one more, fresh key, which is the active one.
    pub fn rotated(&self, now: u64) -> Result<Self, Error> {
        let mut ring = self.clone();
        let number = self.active.number.checked_add(1).ok_or(Error::TooLarge("a keyring has 2^32 terms"))?;
        ring.add(number, now, SecretKey::random()?)?;
        Ok(ring)
    }

    /// The active term.
    pub fn term(&self) -> Term {
        self.active
    }

    pub(super) fn active(&self) -> u32 {
        self.active.number
    }

    fn add(&mut self, number: u32, installed: u64, key: SecretKey) -> Result<(), Error> {
        let cipher = Cipher::new(&key)?;
        self.terms.insert(number, Arc::new(Entry { key, cipher, installed }));
        self.active = Term { number, installed };
        Ok(())
    }

    /// The keyring encrypted with the root key.
    pub fn seal(&self, root: &SecretKey) -> Result<Vec<u8>, Error> {
        let mut plain = Zeroizing::new(Vec::with_capacity(1 + self.terms.len() * ENTRY_LEN));
        plain.push(RING_VERSION);
        for (number, entry) in &self.terms {
            plain.extend_from_slice(&number.to_be_bytes());
            plain.extend_from_slice(&entry.installed.to_be_bytes());
            plain.extend_from_slice(entry.key.bytes());
        }
        root.seal(CONTEXT, &plain)
    }

    /// The reverse of [`Self::seal`]. [`Error::Sealed`] when the root key is not the right one.
    pub fn open_sealed(root: &SecretKey, sealed: &[u8]) -> Result<Self, Error> {
        let plain = root.open(CONTEXT, sealed).ok_or(Error::Sealed)?;
        let damaged = |reason: &str| Error::Damaged { key: super::KEYRING.into(), reason: reason.into() };
        let entries = match plain.split_first() {
            Some((&RING_VERSION, entries)) => entries,
            _ => return Err(damaged("is of a version that this server does not know")),
        };
        let mut ring = Self { terms: BTreeMap::new(), active: Term { number: 0, installed: 0 } };
        for entry in entries.chunks(ENTRY_LEN) {
            let read = || {
                let (number, rest) = entry.split_first_chunk::<4>()?;
                let (installed, key) = rest.split_first_chunk::<8>()?;
                Some((u32::from_be_bytes(*number), u64::from_be_bytes(*installed), SecretKey::from_bytes(key)?))
            };
            let (number, installed, key) = read().ok_or_else(|| damaged("ends in the middle of a term"))?;
            ring.add(number, installed, key)?;
        }
        if ring.terms.is_empty() { Err(damaged("holds no key")) } else { Ok(ring) }
    }

    /// Encrypts the value of a full key with the active term.
    pub(super) fn encrypt(&self, key: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let head = head(self.active.number);
        let entry = self.terms.get(&self.active.number).ok_or(Error::UnknownTerm(self.active.number))?;
        entry.cipher.seal(&head, &context(&head, key), plain)
    }

    /// The reverse of [`Self::encrypt`]. [`Error::UnknownTerm`] when the keyring has no such key, [`Error::Damaged`]
    /// when the value is not what was written under this key.
    pub(super) fn open(&self, key: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let damaged = |reason: &str| Error::Damaged { key: key.to_owned(), reason: reason.to_owned() };
        let (head, rest) = sealed.split_first_chunk::<HEAD_LEN>().ok_or_else(|| damaged("is not encrypted"))?;
        let [version, term @ ..] = *head;
        if version != VALUE_VERSION {
            return Err(damaged("is of a version that this server does not know"));
        }
        let term = u32::from_be_bytes(term);
        let entry = self.terms.get(&term).ok_or(Error::UnknownTerm(term))?;
        entry.cipher.open(&context(head, key), rest).ok_or_else(|| damaged("was changed or is not from here"))
    }
}

fn head(term: u32) -> [u8; HEAD_LEN] {
    let mut head = [VALUE_VERSION; HEAD_LEN];
    head[1..].copy_from_slice(&term.to_be_bytes());
    head
}

/// What a value's ciphertext is bound to: how and under which full key it is stored.
fn context(head: &[u8; HEAD_LEN], key: &str) -> Vec<u8> {
    [head, key.as_bytes()].concat()
}
