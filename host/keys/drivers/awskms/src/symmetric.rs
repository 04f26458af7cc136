//! Sealing, authenticating, random bytes.

use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keys::registry::AwsKmsLocator;
use keys::{Error, Hash, SealRequest, Sealing, not_opened};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::algorithm;
use crate::client::{Again, Client};
use crate::failure::Failure;
use crate::using::{CIPHERTEXT_MAX, is_described};

/// Longest text that AWS seals, and longest message that it authenticates, in bytes.
pub(crate) const TEXT_MAX: usize = 4096;
/// The name in the encryption context of what is authenticated with a text; its value is base64.
const ASSOCIATED: &str = "associated-data";

impl Client {
    pub(crate) async fn seal(
        &self,
        locator: &AwsKmsLocator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        check(request.sealing)?;
        if request.text.is_empty() || request.text.len() > TEXT_MAX {
            return Err(Error::invalid("plaintext: AWS KMS seals 1 to 4096 bytes").into());
        }
        let asked = self.kms.encrypt().key_id(&locator.kms_key).plaintext(Blob::new(request.text));
        let context = context(request.associated)?;
        let asked = context.iter().fold(asked, |asked, value| asked.encryption_context(ASSOCIATED, value));
        let answer = self.ask(deadline, Again::Safe, || asked.clone().send()).await?;
        is_described(locator, answer.key_id.as_deref())?;
        let sealed = answer.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        if sealed.is_empty() || sealed.len() > CIPHERTEXT_MAX {
            return Err(Failure::Passing("AWS KMS: a sealed text that is none".into()));
        }
        Ok(sealed)
    }

    pub(crate) async fn open(
        &self,
        locator: &AwsKmsLocator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        check(request.sealing)?;
        if request.text.is_empty() || request.text.len() > CIPHERTEXT_MAX {
            return Err(not_opened().into());
        }
        let asked = self.kms.decrypt().key_id(&locator.kms_key).ciphertext_blob(Blob::new(request.text));
        let context = context(request.associated)?;
        let asked = context.iter().fold(asked, |asked, value| asked.encryption_context(ASSOCIATED, value));
        let answer = self.ask(deadline, Again::Safe, || asked.clone().send()).await?;
        is_described(locator, answer.key_id.as_deref())?;
        let plaintext = answer.plaintext.map(|plaintext| Zeroizing::new(plaintext.into_inner()));
        plaintext.ok_or_else(|| Failure::Passing("AWS KMS: no plaintext in the answer".into()))
    }

    pub(crate) async fn mac(
        &self,
        locator: &AwsKmsLocator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        if message.is_empty() || message.len() > TEXT_MAX {
            return Err(Error::invalid("message: AWS KMS authenticates 1 to 4096 bytes").into());
        }
        let asked = self.kms.generate_mac().key_id(&locator.kms_key).message(Blob::new(message));
        let asked = asked.mac_algorithm(algorithm::mac(hash)?);
        let answer = self.ask(deadline, Again::Safe, || asked.clone().send()).await?;
        is_described(locator, answer.key_id.as_deref())?;
        answer.mac.map(Blob::into_inner).ok_or_else(|| Failure::Passing("AWS KMS: no code in the answer".into()))
    }

    pub(crate) async fn random(&self, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let count = i32::try_from(count).map_err(|_| Error::invalid("bytes: too many at once"))?;
        let asked = self.kms.generate_random().number_of_bytes(count);
        let answer = self.ask(deadline, Again::Safe, || asked.clone().send()).await?;
        let bytes = answer.plaintext.map(|bytes| Zeroizing::new(bytes.into_inner()));
        bytes.ok_or_else(|| Failure::Passing("AWS KMS: no bytes in the answer".into()))
    }
}

fn check(sealing: Sealing) -> Result<(), Error> {
    match sealing {
        Sealing::Home => Ok(()),
        other => Err(Error::Unsupported(format!("{other} in AWS KMS: it has a format of its own"))),
    }
}

/// What stands in the encryption context for associated data: nothing for none. AWS takes 8 KiB, and writes it into its
/// audit log.
fn context(associated: &[u8]) -> Result<Option<String>, Error> {
    Ok((!associated.is_empty()).then(|| STANDARD.encode(associated)))
}
