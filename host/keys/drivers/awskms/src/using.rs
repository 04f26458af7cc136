//! Describing keys, signing, decrypting.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyState, MessageType};
use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use keys::registry::AwsKmsLocator;
use keys::{Description, Error, Hash, Input, Scheme, SignRequest, key_type_of};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::algorithm;
use crate::client::{Again, Client};
use crate::failure::Failure;

/// Longest message that AWS signs whole, in bytes.
const MESSAGE_MAX: usize = 4096;
/// Longest ARN of a key, in bytes.
const KEY_NAME_MAX: usize = 2048;
/// Longest ciphertext that AWS takes, in bytes.
pub(crate) const CIPHERTEXT_MAX: usize = 6144;
/// Longest signature of a key that is supported, in bytes: RSA of 8192 bits.
const SIGNATURE_MAX: usize = 1024;

impl Client {
    /// What the key of this name is, with its public half if it has one.
    pub(crate) async fn describe(
        &self,
        name: &str,
        locator: &AwsKmsLocator,
        deadline: Instant,
    ) -> Result<Description, Failure> {
        if algorithm::is_symmetric(locator) {
            return self.describe_symmetric(name, locator, deadline).await;
        }
        let request = self.kms.get_public_key().key_id(name);
        let answer = self.ask(deadline, Again::Safe, || request.clone().send()).await?;
        let public_key = answer.public_key.map(Blob::into_inner).unwrap_or_default();
        let key_type = key_type_of(&public_key).map_err(|error| match error {
            Error::Invalid(what) => Failure::Passing(format!("AWS KMS: a public key that is none: {what}")),
            other => Failure::Final(other),
        })?;
        algorithm::check(locator, key_type)?;
        let schemes = algorithm::schemes(key_type, answer.signing_algorithms.as_deref().unwrap_or_default());
        Ok(Description::pair(public_key, key_type, schemes).of_version(name_of_key(answer.key_id)))
    }

    async fn describe_symmetric(
        &self,
        name: &str,
        locator: &AwsKmsLocator,
        deadline: Instant,
    ) -> Result<Description, Failure> {
        let request = self.kms.describe_key().key_id(name);
        let answer = self.ask(deadline, Again::Safe, || request.clone().send()).await?;
        let key = answer.key_metadata.ok_or_else(|| Failure::Passing("AWS KMS: no key in the answer".into()))?;
        let description = algorithm::symmetric(&key)?;
        algorithm::check(locator, description.key_type)?;
        match &key.key_state {
            None | Some(KeyState::Enabled) => Ok(description.of_version(name_of_key(key.arn.or(Some(key.key_id))))),
            Some(_) => Err(Failure::State),
        }
    }

    pub(crate) async fn sign(
        &self,
        locator: &AwsKmsLocator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let (kind, bytes) = match (request.scheme, request.input) {
            (Scheme::Ed25519, Input::Message(message)) if message.len() <= MESSAGE_MAX => (MessageType::Raw, message),
            (Scheme::Ed25519, Input::Message(_)) => {
                let text = "AWS KMS signs messages of at most 4096 bytes with Ed25519";
                return Err(Error::invalid(text).into());
            }
            (_, Input::Digest(digest)) => (MessageType::Digest, digest),
            (_, Input::Message(_)) => return Err(Error::Internal("a driver is given digests".into()).into()),
        };
        request.scheme.check(request.input)?;
        algorithm::check_scheme(locator, request.scheme)?;
        let name = algorithm::name_of(request.scheme)?;
        let asked = self.kms.sign().key_id(&locator.kms_key).message(Blob::new(bytes)).message_type(kind);
        let asked = asked.signing_algorithm(name.clone());
        let answer = self.ask(deadline, Again::Safe, || asked.clone().send()).await?;
        let signature = answer.signature.map(Blob::into_inner).unwrap_or_default();
        is_described(locator, answer.key_id.as_deref())?;
        if answer.signing_algorithm.is_some_and(|used| used != name) || !is_signature(request.scheme, &signature) {
            return Err(Failure::Passing("AWS KMS: a signature that is none".into()));
        }
        // Of a key that was described before its name was kept, the signature itself must tell.
        let verified = |expected| keys::verify(expected, request.scheme, request.input, &signature).unwrap_or(true);
        if locator.described.is_none() && !request.public_key.is_none_or(verified) {
            return Err(Error::Replaced.into());
        }
        Ok(signature)
    }

    pub(crate) async fn decrypt(
        &self,
        locator: &AwsKmsLocator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if ciphertext.is_empty() || ciphertext.len() > CIPHERTEXT_MAX {
            return Err(Error::invalid("the ciphertext cannot be decrypted with this key").into());
        }
        let request = self.kms.decrypt().key_id(&locator.kms_key).ciphertext_blob(Blob::new(ciphertext));
        let request = request.encryption_algorithm(algorithm::oaep(hash)?);
        let answer = self.ask(deadline, Again::Safe, || request.clone().send()).await?;
        is_described(locator, answer.key_id.as_deref())?;
        let plaintext = answer.plaintext.map(|plaintext| Zeroizing::new(plaintext.into_inner()));
        plaintext.ok_or_else(|| Failure::Passing("AWS KMS: no plaintext in the answer".into()))
    }

    /// Whether the endpoint answers and knows the credentials. They need no permission for that.
    pub(crate) async fn health(&self, deadline: Instant) -> Result<(), Error> {
        let request = self.kms.list_aliases().limit(1);
        match self.ask(deadline, Again::Safe, || request.clone().send()).await.map_err(Failure::into_error) {
            Ok(_) | Err(Error::Forbidden(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The error of a failure with a key; AWS is asked for the state of one that may not be used.
    pub(crate) async fn error(&self, failure: Failure, name: &str, deadline: Instant) -> Error {
        if !matches!(failure, Failure::State) {
            return failure.into_error();
        }
        self.state(failure, name, deadline).await
    }

    /// The error of a failure to open something: it may be that another key stands in its place.
    pub(crate) async fn error_of_opening(&self, failure: Failure, locator: &AwsKmsLocator, deadline: Instant) -> Error {
        let Some(described) =
            locator.described.as_deref().filter(|_| matches!(failure, Failure::Final(Error::Invalid(_))))
        else {
            return self.error(failure, &locator.kms_key, deadline).await;
        };
        let request = self.kms.describe_key().key_id(&locator.kms_key);
        // Who may decrypt may not always ask for that: then the refusal is all that can be said.
        let answer = self.ask(deadline, Again::Safe, || request.clone().send()).await;
        let holder = answer.ok().and_then(|answer| answer.key_metadata).map(|key| key.key_id);
        match holder.is_some_and(|holder| !algorithm::is_same_key(&holder, described)) {
            true => Error::Replaced,
            false => failure.into_error(),
        }
    }

    async fn state(&self, failure: Failure, name: &str, deadline: Instant) -> Error {
        let request = self.kms.describe_key().key_id(name);
        let state = match self.ask(deadline, Again::Safe, || request.clone().send()).await {
            Ok(answer) => answer.key_metadata.and_then(|key| key.key_state),
            Err(_) => None,
        };
        match state.and_then(|state| word(&state)) {
            Some(word) => Error::Unusable(word.into()),
            None => failure.into_error(),
        }
    }
}

/// The name of a key that AWS gave, if it can be one.
fn name_of_key(name: Option<String>) -> Option<String> {
    name.filter(|name| {
        !name.is_empty() && name.len() <= KEY_NAME_MAX && name.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// Refuses what another key did than the one that was described: the alias points at it now.
pub(crate) fn is_described(locator: &AwsKmsLocator, did: Option<&str>) -> Result<(), Error> {
    match (&locator.described, did) {
        (Some(described), Some(did)) if !algorithm::is_same_key(described, did) => Err(Error::Replaced),
        _ => Ok(()),
    }
}

/// The state of a key, as clients may see it.
fn word(state: &KeyState) -> Option<&'static str> {
    Some(match state {
        KeyState::Disabled => "disabled",
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => "scheduled for deletion",
        KeyState::PendingImport => "waiting for its key material to be imported",
        KeyState::Unavailable => "in a key store that is not connected",
        KeyState::Creating | KeyState::Updating => "still being made",
        _ => return None,
    })
}

/// Whether the bytes have the form of a signature.
fn is_signature(scheme: Scheme, signature: &[u8]) -> bool {
    match scheme {
        Scheme::Ecdsa(_) => signature.len() <= SIGNATURE_MAX && is_pair(signature).is_ok(),
        Scheme::Ed25519 => signature.len() == 64,
        Scheme::Pkcs1v15(_) | Scheme::Pss(_) => (128..=SIGNATURE_MAX).contains(&signature.len()),
    }
}

/// Reads SEQUENCE { r, s } and nothing behind it.
fn is_pair(signature: &[u8]) -> Result<(), der::Error> {
    let mut reader = SliceReader::new(signature)?;
    reader.sequence(|pair| {
        UintRef::decode(pair)?;
        UintRef::decode(pair)?;
        Ok::<_, der::Error>(())
    })?;
    reader.finish()
}
