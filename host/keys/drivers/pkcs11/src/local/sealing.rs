//! Sealing and opening texts with a symmetric key in a token.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use cryptoki::error::Error as LibraryError;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use keys::{AES_BLOCK_LEN, Error, GCM_NONCE_LEN, GCM_TAG_LEN, Sealing, not_opened};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::work::Text;

/// Seals a text: a nonce or vector by chance, and what the token makes of the text with it.
pub(crate) fn seal(session: &Session, key: ObjectHandle, text: &Text) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut head = vec![0; head_len(text.sealing)?];
    SystemRandom::new().fill(&mut head).map_err(|_| Error::Internal("the random generator failed".into()))?;
    let sealed = with(text, &mut head.clone(), |mechanism| session.encrypt(mechanism, key, &text.text))??;
    let longest = text.text.len() + GCM_TAG_LEN.max(AES_BLOCK_LEN);
    if sealed.len() < text.text.len() || sealed.len() > longest {
        return Err(Error::Internal("the token gave a sealed text of an impossible length".into()).into());
    }
    Ok(Zeroizing::new([&head[..], &sealed].concat()))
}

/// Opens a sealed text.
pub(crate) fn open(session: &Session, key: ObjectHandle, text: &Text) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let (head, body) = text.text.split_at_checked(head_len(text.sealing)?).ok_or_else(not_opened)?;
    let opened = with(text, &mut head.to_vec(), |mechanism| session.decrypt(mechanism, key, body))?;
    // As with OAEP: of noise some tokens say no more than that they failed, and that is not cured.
    let opened = opened.map_err(|error| match Failure::from(error) {
        vague if vague.is_vague() => not_opened().into(),
        clear => clear,
    })?;
    let opened = Zeroizing::new(opened);
    if opened.len() > body.len() {
        return Err(Error::Internal("the token gave a text of an impossible length".into()).into());
    }
    Ok(opened)
}

fn head_len(sealing: Sealing) -> Result<usize, Error> {
    match sealing {
        Sealing::AesGcm => Ok(GCM_NONCE_LEN),
        Sealing::AesCbc | Sealing::AesCbcPad => Ok(AES_BLOCK_LEN),
        Sealing::Home => Err(Error::Unsupported("a format of the token's own".into())),
    }
}

/// Calls with the mechanism and its parameters.
fn with<T>(
    text: &Text,
    head: &mut [u8],
    call: impl FnOnce(&Mechanism<'_>) -> Result<T, LibraryError>,
) -> Result<Result<T, LibraryError>, Error> {
    let vector =
        || head.first_chunk::<AES_BLOCK_LEN>().copied().ok_or_else(|| Error::Internal("a vector is too short".into()));
    let tag = Ulong::from(GCM_TAG_LEN as u64 * 8);
    let mechanism = match text.sealing {
        Sealing::AesCbc => Mechanism::AesCbc(vector()?),
        Sealing::AesCbcPad => Mechanism::AesCbcPad(vector()?),
        Sealing::Home => return Err(Error::Unsupported("a format of the token's own".into())),
        Sealing::AesGcm => match GcmParams::new(head, &text.associated, tag) {
            Ok(parameters) => Mechanism::AesGcm(parameters),
            Err(error) => return Ok(Err(error)),
        },
    };
    Ok(call(&mechanism))
}
