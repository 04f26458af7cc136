//! Decrypting.

use bytes::Bytes;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_kms_v1::model::AsymmetricDecryptResponse;
use keys::registry::GcpCkmsLocator;
use keys::{Error, Hash, KeyType};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Power};
use crate::call::call;
use crate::checksum::{crc32c, holds};
use crate::failure::{Failure, Kind};
use crate::ring::Ring;
use crate::version;

const METHOD: &str = "AsymmetricDecrypt";

/// Decrypts with a version, with the one hash that it has.
pub(crate) async fn decrypt(
    ring: &Ring,
    locator: &GcpCkmsLocator,
    hash: Hash,
    ciphertext: &[u8],
    deadline: Instant,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let said = Algorithm::of(&locator.algorithm)?;
    check(said, hash, ciphertext)?;
    version::algorithm(ring, locator, deadline).await?;
    let name = ring.version(locator)?;
    let ciphertext = Bytes::copy_from_slice(ciphertext);
    let mut answer = ask(ring, &name, &ciphertext, deadline).await;
    if !answer.as_ref().is_ok_and(is_whole) && may_be_damaged(&answer) {
        answer = ask(ring, &name, &ciphertext, deadline).await;
    }
    match answer {
        Ok(answer) if is_whole(&answer) => Ok(Zeroizing::new(answer.plaintext.to_vec())),
        Ok(_) => Err(Failure::damaged(METHOD, "a checksum is wrong, twice").into()),
        Err(failure) if failure.kind == Kind::Wrong => {
            Err(Error::invalid("the ciphertext cannot be decrypted with this key"))
        }
        Err(failure) if failure.kind == Kind::State => {
            version::usable_soon(ring, &name, &failure, deadline).await?;
            Err(version::pending())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn check(algorithm: Algorithm, hash: Hash, ciphertext: &[u8]) -> Result<(), Error> {
    match algorithm.power {
        Power::Sign(_) => Err(Error::Unsupported("decrypting with a key of Cloud KMS that signs".into())),
        Power::Seal | Power::Mac(_) => Err(Error::Unsupported("RSA OAEP with a symmetric key of Cloud KMS".into())),
        Power::Decrypt(own) if own != hash => {
            Err(Error::Unsupported(format!("RSA OAEP with {}: the key's algorithm is {}", hash.name(), algorithm.name)))
        }
        Power::Decrypt(_) => match algorithm.key_type {
            KeyType::Rsa { bits } if ciphertext.len() == bits.div_ceil(8) as usize => Ok(()),
            _ => Err(Error::invalid("the ciphertext cannot be decrypted with this key")),
        },
    }
}

async fn ask(
    ring: &Ring,
    name: &str,
    ciphertext: &Bytes,
    deadline: Instant,
) -> Result<AsymmetricDecryptResponse, Failure> {
    let sum = crc32c(ciphertext);
    let sent = call(ring, METHOD, deadline, |time| {
        let request = ring.client.asymmetric_decrypt().set_name(name).with_attempt_timeout(time);
        request.set_ciphertext(ciphertext.clone()).set_ciphertext_crc32c(sum).send()
    });
    sent.await
}

/// Whether the service got what was sent, and this is what it answered.
fn is_whole(answer: &AsymmetricDecryptResponse) -> bool {
    answer.verified_ciphertext_crc32c && holds(&answer.plaintext, answer.plaintext_crc32c)
}

/// Whether asking once more may help: the answer is damaged, or the service says that the request was.
fn may_be_damaged(answer: &Result<AsymmetricDecryptResponse, Failure>) -> bool {
    match answer {
        Ok(_) => true,
        Err(failure) => failure.kind == Kind::Wrong && failure.mentions("checksum"),
    }
}
