//! Batch tokens: they carry everything that is known of them, encrypted, and nothing of them is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Fault;
use secrecy::SecretString;
use storage::Transaction;
use storage::barrier::SecretKey;

use super::{Record, TOKEN_MAX, drawer, secret};

/// Where the key lies.
const KEY: &str = "batch-key";
/// The first byte of what is encoded: the shape of the rest.
const VERSION: u8 = 1;
/// What is encrypted for this purpose and no other.
const CONTEXT: &[u8] = b"batch token";

/// The token of a record: AES-256-GCM with a random nonce over the record.
pub(super) async fn seal(transaction: &mut Transaction, record: &Record) -> Result<SecretString, Fault> {
    let key = match stored(transaction).await? {
        Some(key) => key,
        None => first(transaction)?,
    };
    let plain = serde_json::to_vec(record).map_err(|error| Fault::internal(error.to_string()))?;
    let sealed = [vec![VERSION], key.seal(CONTEXT, &plain)?].concat();
    let token = format!("{}{}{}", secret::BATCH, URL_SAFE_NO_PAD.encode(sealed), secret::suffix(record.namespace));
    if token.len() > TOKEN_MAX {
        return Err(Fault::invalid(
            "a batch token carries all of its policies and metadata, and must not be longer than 8 KiB",
        ));
    }
    Ok(SecretString::from(token))
}

/// The record of a token; none if it was not made here, or has been changed since.
pub(super) async fn open(transaction: &Transaction, token: &str) -> Result<Option<Record>, Fault> {
    let body = token.strip_prefix(secret::BATCH).unwrap_or_default();
    let body = body.split_once('.').map_or(body, |(body, _)| body);
    let Ok(sealed) = URL_SAFE_NO_PAD.decode(body) else { return Ok(None) };
    let Some((&VERSION, sealed)) = sealed.split_first() else { return Ok(None) };
    let bytes = transaction.peek(&drawer(), KEY).await?;
    let Some(key) = bytes.and_then(|bytes| SecretKey::from_bytes(&bytes)) else { return Ok(None) };
    let Some(plain) = key.open(CONTEXT, sealed) else { return Ok(None) };
    let record: Record = super::parsed(&plain)?;
    // What stands behind the body is not encrypted: another namespace there would be a lie.
    let honest = token.ends_with(&secret::suffix(record.namespace))
        && body.len() + secret::BATCH.len() + secret::suffix(record.namespace).len() == token.len();
    Ok(honest.then_some(record))
}

async fn stored(transaction: &mut Transaction) -> Result<Option<SecretKey>, Fault> {
    let Some(bytes) = transaction.get(&drawer(), KEY).await? else { return Ok(None) };
    SecretKey::from_bytes(&bytes).map(Some).ok_or_else(|| Fault::internal("the key of batch tokens is damaged"))
}

fn first(transaction: &mut Transaction) -> Result<SecretKey, Fault> {
    let key = SecretKey::random()?;
    transaction.put(&drawer(), KEY, key.bytes().to_vec())?;
    Ok(key)
}
