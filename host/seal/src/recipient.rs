//! PGP keys of operators: what is encrypted to one, only its holder reads.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::MessageBuilder;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Packet, PacketParser};
use pgp::types::EncryptionKey;
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::certificate::{self, PGP_KEY_MAX};
use crate::{Error, Share};

/// Longest that reading keys, or encrypting to them, may wait for a core and take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// What references to keys of Keybase begin with.
const KEYBASE: &str = "keybase:";

/// A PGP key that shares or a token are encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Of the primary key, in hexadecimal digits.
    fingerprint: String,
    /// The packet of the key that encrypts, in base64.
    packet: String,
}

/// What an operator is given: a secret as it is, or the message of OpenPGP that holds it.
pub struct Given(Zeroizing<Vec<u8>>);

impl Recipient {
    /// Reads the public key that stands in a parameter: base64 of its binary form, or its ASCII armour. The text of a
    /// refusal begins with `place`, and says what would be right.
    pub fn parse(place: &str, text: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::invalid(format!("{place}: {reason}"));
        let bytes = decode(text).map_err(refused)?;
        let chosen = certificate::read(&bytes, pgp::types::Timestamp::now()).map_err(refused)?;
        let recipient = Self { fingerprint: chosen.fingerprint, packet: STANDARD.encode(&chosen.packet) };
        // Rather now than when there are shares.
        let tried = recipient.seal(b"tried");
        tried.map(|_| recipient).ok_or_else(|| refused("nothing can be encrypted to a key of this kind"))
    }

    /// Reads the parameter of one key; none when it is empty.
    pub async fn read(field: &'static str, text: Option<&str>) -> Result<Option<Self>, Error> {
        let Some(text) = text.map(str::to_owned).filter(|text| !text.is_empty()) else { return Ok(None) };
        apart(move || Self::parse(field, &text)).await?.map(Some)
    }

    /// Reads the parameter of one key for each of so many shares; none when there are no keys.
    pub async fn read_all(field: &'static str, texts: Vec<String>, shares: u8) -> Result<Vec<Self>, Error> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        if texts.len() != usize::from(shares) {
            return Err(Error::invalid(format!(
                "{field}: count mismatch between number of provided PGP keys and number of shares: {} and {shares}",
                texts.len()
            )));
        }
        let read = move || {
            let numbered = texts.iter().enumerate();
            numbered.map(|(at, text)| Self::parse(&format!("{field}: entry {}", at + 1), text)).collect()
        };
        apart(read).await?
    }

    /// The fingerprint of the primary key, in hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A message that only this key's holder reads.
    pub async fn encrypt(&self, text: Zeroizing<String>) -> Result<Given, Error> {
        let recipient = self.clone();
        apart(move || recipient.given(text.as_bytes())).await?
    }

    fn given(&self, text: &[u8]) -> Result<Given, Error> {
        let sealed = self.seal(text).ok_or_else(|| Error::invalid(format!("PGP key {}", self.fingerprint)))?;
        Ok(Given(Zeroizing::new(sealed)))
    }

    fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let packet = STANDARD.decode(&self.packet).ok()?;
        match PacketParser::new(&packet[..]).next()?.ok()? {
            Packet::PublicKey(key) => seal_to(&key, text),
            Packet::PublicSubkey(key) => seal_to(&key, text),
            _ => None,
        }
    }
}

/// Every GnuPG decrypts this form of a message.
fn seal_to(key: &impl EncryptionKey, text: &[u8]) -> Option<Vec<u8>> {
    let mut message = MessageBuilder::from_bytes("", text.to_vec()).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
    message.encrypt_to_key(OsRng, key).ok()?;
    message.to_vec(OsRng).ok()
}

impl Given {
    /// What is given out of new shares: each as it is, or encrypted to its recipient, as text of hexadecimal digits.
    pub async fn out(shares: Vec<Share>, recipients: &[Recipient]) -> Result<Vec<Self>, Error> {
        if recipients.is_empty() {
            return Ok(shares.into_iter().map(|share| Self(share.into_bytes())).collect());
        }
        let recipients = recipients.to_vec();
        let encrypted = move || {
            let pairs = shares.iter().zip(&recipients);
            pairs.map(|(share, recipient)| recipient.given(share.hex().as_bytes())).collect()
        };
        apart(encrypted).await?
    }

    /// In hexadecimal digits.
    pub fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(&*self.0))
    }

    /// In base64.
    pub fn base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&*self.0))
    }
}

/// The bytes of a key as it is sent.
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; give a public key of OpenPGP, in base64");
    }
    if text.len() > 2 * PGP_KEY_MAX {
        return Err("is longer than a PGP key may be; export it with `gpg --export-options export-minimal`");
    }
    if text.starts_with(KEYBASE) {
        return Err("references to Keybase are not looked up; give the public key itself, in base64");
    }
    if text.starts_with("-----BEGIN") {
        return Ok(text.into());
    }
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| "must be the base64 of a public key of OpenPGP, or its ASCII armour")
}

/// Does work of foreign making on a thread of its own, where it holds nobody up, and where a panic ends nothing else. One
/// at a time: who has no token may ask for it, and must not take all cores from everybody else.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    static TURN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));
    let until = Instant::now() + TIME_MAX;
    let turn = tokio::time::timeout_at(until, Arc::clone(&TURN).acquire_owned()).await;
    let turn = turn.map_err(|_| Error::Apart(keys::Error::Timeout))?;
    // The turn belongs to the work, also when nobody waits for it any more.
    let held = move || {
        let _turn = turn;
        work()
    };
    keys::apart(until, held).await.map(|(done, _)| done).map_err(Error::Apart)
}

#[cfg(test)]
mod tests;
