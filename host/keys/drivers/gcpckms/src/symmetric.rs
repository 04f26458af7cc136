//! Sealing, authenticating, random bytes.

use bytes::Bytes;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_kms_v1::model::{DecryptResponse, EncryptResponse, MacSignResponse, ProtectionLevel};
use keys::registry::GcpCkmsLocator;
use keys::{Error, Hash, SEALED_MAX, SealRequest, Sealing, not_opened};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Power};
use crate::call::call;
use crate::checksum::{crc32c, holds};
use crate::failure::{Failure, Kind};
use crate::ring::Ring;
use crate::version;

/// Longest message that is authenticated, in bytes; a key in an HSM takes a quarter of that.
const MESSAGE_MAX: usize = 64 << 10;
/// The fewest random bytes that Cloud KMS gives.
const RANDOM_MIN: usize = 8;

/// Seals with the version that the record names, in the format of Cloud KMS.
pub(crate) async fn seal(
    ring: &Ring,
    locator: &GcpCkmsLocator,
    request: SealRequest<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    check(locator, request.sealing)?;
    version::algorithm(ring, locator, deadline).await?;
    let name = ring.version(locator)?;
    let (text, associated) = (Bytes::copy_from_slice(request.text), Bytes::copy_from_slice(request.associated));
    let ask = || {
        call(ring, "Encrypt", deadline, |time| {
            let asked = ring.client.encrypt().set_name(&name).with_attempt_timeout(time);
            let asked = asked.set_plaintext(text.clone()).set_plaintext_crc32c(crc32c(&text));
            let asked = asked.set_additional_authenticated_data(associated.clone());
            asked.set_additional_authenticated_data_crc32c(crc32c(&associated)).send()
        })
    };
    let is_whole = |answer: &EncryptResponse| {
        let arrived = answer.verified_plaintext_crc32c && answer.verified_additional_authenticated_data_crc32c;
        let sound = !answer.ciphertext.is_empty() && answer.ciphertext.len() <= SEALED_MAX;
        arrived && sound && answer.name == name && holds(&answer.ciphertext, answer.ciphertext_crc32c)
    };
    match whole("Encrypt", ask, is_whole).await {
        Ok(answer) => Ok(answer.ciphertext.to_vec()),
        Err(failure) => Err(explained(ring, &name, failure, deadline).await),
    }
}

/// Opens with the key of the record, whichever of its versions sealed.
pub(crate) async fn open(
    ring: &Ring,
    locator: &GcpCkmsLocator,
    request: SealRequest<'_>,
    deadline: Instant,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    check(locator, request.sealing)?;
    version::algorithm(ring, locator, deadline).await?;
    let name = ring.version(locator)?;
    let key = name.split("/cryptoKeyVersions/").next().unwrap_or_default();
    let (text, associated) = (Bytes::copy_from_slice(request.text), Bytes::copy_from_slice(request.associated));
    let ask = || {
        call(ring, "Decrypt", deadline, |time| {
            let asked = ring.client.decrypt().set_name(key).with_attempt_timeout(time);
            let asked = asked.set_ciphertext(text.clone()).set_ciphertext_crc32c(crc32c(&text));
            let asked = asked.set_additional_authenticated_data(associated.clone());
            asked.set_additional_authenticated_data_crc32c(crc32c(&associated)).send()
        })
    };
    let is_whole = |answer: &DecryptResponse| holds(&answer.plaintext, answer.plaintext_crc32c);
    match whole("Decrypt", ask, is_whole).await {
        Ok(answer) => Ok(Zeroizing::new(answer.plaintext.to_vec())),
        Err(failure) if failure.kind == Kind::Wrong => Err(not_opened()),
        Err(failure) => Err(explained(ring, &name, failure, deadline).await),
    }
}

/// HMAC with the one hash of the version.
pub(crate) async fn mac(
    ring: &Ring,
    locator: &GcpCkmsLocator,
    hash: Hash,
    message: &[u8],
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    if Algorithm::of(&locator.algorithm)?.power != Power::Mac(hash) {
        return Err(Error::Unsupported(format!("HMAC with {}: the key's algorithm is another", hash.name())));
    }
    if message.len() > MESSAGE_MAX {
        return Err(Error::invalid("message: Cloud KMS authenticates at most 64 KiB"));
    }
    version::algorithm(ring, locator, deadline).await?;
    let name = ring.version(locator)?;
    let message = Bytes::copy_from_slice(message);
    let ask = || {
        call(ring, "MacSign", deadline, |time| {
            let asked = ring.client.mac_sign().set_name(&name).with_attempt_timeout(time);
            asked.set_data(message.clone()).set_data_crc32c(crc32c(&message)).send()
        })
    };
    let is_whole = |answer: &MacSignResponse| {
        answer.verified_data_crc32c && answer.name == name && holds(&answer.mac, answer.mac_crc32c)
    };
    match whole("MacSign", ask, is_whole).await {
        Ok(answer) => Ok(answer.mac.to_vec()),
        Err(failure) => Err(explained(ring, &name, failure, deadline).await),
    }
}

/// Random bytes of an HSM of the ring's location.
pub(crate) async fn random(ring: &Ring, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
    let location = ring.name.split("/keyRings/").next().unwrap_or_default();
    let asked = i32::try_from(count.max(RANDOM_MIN)).map_err(|_| Error::invalid("bytes: too many at once"))?;
    let ask = || {
        call(ring, "GenerateRandomBytes", deadline, |time| {
            let request = ring.client.generate_random_bytes().set_location(location).with_attempt_timeout(time);
            request.set_length_bytes(asked).set_protection_level(ProtectionLevel::Hsm).send()
        })
    };
    let answer = whole("GenerateRandomBytes", ask, |answer| holds(&answer.data, answer.data_crc32c)).await?;
    let bytes = answer.data.get(..count).ok_or_else(|| Error::Internal("GenerateRandomBytes: too few".into()))?;
    Ok(Zeroizing::new(bytes.to_vec()))
}

fn check(locator: &GcpCkmsLocator, sealing: Sealing) -> Result<(), Error> {
    match (Algorithm::of(&locator.algorithm)?.power, sealing) {
        (Power::Seal, Sealing::Home) => Ok(()),
        (Power::Seal, other) => Err(Error::Unsupported(format!("{other} in Cloud KMS: it has a format of its own"))),
        _ => Err(Error::Unsupported(format!("sealing with a key of {}", locator.algorithm))),
    }
}

/// An answer that was damaged on the way is asked for once more, and so is a request that the service found damaged.
async fn whole<T, Asked: Future<Output = Result<T, Failure>>>(
    method: &'static str,
    ask: impl Fn() -> Asked,
    is_whole: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    match ask().await {
        Ok(answer) if is_whole(&answer) => return Ok(answer),
        Ok(_) => {}
        Err(failure) if failure.kind == Kind::Wrong && failure.mentions("checksum") => {}
        Err(failure) => return Err(failure),
    }
    let answer = ask().await?;
    if is_whole(&answer) { Ok(answer) } else { Err(Failure::damaged(method, "a checksum or the name is wrong, twice")) }
}

async fn explained(ring: &Ring, name: &str, failure: Failure, deadline: Instant) -> Error {
    if failure.kind != Kind::State {
        return failure.into();
    }
    match version::usable_soon(ring, name, &failure, deadline).await {
        Ok(()) => version::pending(),
        Err(failure) => failure.into(),
    }
}
