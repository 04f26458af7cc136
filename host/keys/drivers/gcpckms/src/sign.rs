//! Signing.

use std::borrow::Cow;

use bytes::Bytes;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_kms_v1::model::{AsymmetricSignResponse, Digest};
use keys::registry::GcpCkmsLocator;
use keys::{Error, Hash, Input, Scheme, SignRequest};
use tokio::time::Instant;

use crate::algorithm::{Algorithm, Power};
use crate::call::call;
use crate::checksum::{crc32c, holds};
use crate::failure::{Failure, Kind};
use crate::ring::Ring;
use crate::version;

/// Longest message for Ed25519, in bytes; Cloud KMS takes no more. Other schemes send a digest.
pub const MESSAGE_MAX: usize = 64 << 10;
/// Longest signature that is taken, in bytes: RSA of 4096 bits has 512.
const SIGNATURE_MAX: usize = 1024;

const METHOD: &str = "AsymmetricSign";

/// What is sent.
enum Body {
    Digest(Digest, i64),
    Message(Bytes, i64),
}

/// Signs with a version, in the one scheme that it has. ECDSA signatures are DER as they come.
pub(crate) async fn sign(
    ring: &Ring,
    locator: &GcpCkmsLocator,
    request: SignRequest<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let said = Algorithm::of(&locator.algorithm)?;
    if said.power != Power::Sign(request.scheme) {
        return Err(Error::UnsupportedScheme { scheme: request.scheme, able: said.schemes() });
    }
    let body = body(request)?;
    version::algorithm(ring, locator, deadline).await?;
    let name = ring.version(locator)?;
    match whole_answer(ring, &name, &body, deadline).await {
        Ok(answer) => Ok(answer.signature.to_vec()),
        Err(failure) if failure.kind == Kind::State => {
            version::usable_soon(ring, &name, &failure, deadline).await?;
            Err(version::pending())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn body(request: SignRequest<'_>) -> Result<Body, Error> {
    let SignRequest { scheme, input, .. } = request;
    scheme.check(input)?;
    let digest = match (scheme.hash(), input) {
        (None, Input::Message(message)) if message.len() > MESSAGE_MAX => {
            return Err(Error::invalid("a message to sign with Ed25519 in Cloud KMS may have 64 KiB"));
        }
        (None, Input::Message(message)) => {
            return Ok(Body::Message(Bytes::copy_from_slice(message), crc32c(message)));
        }
        (Some(_), Input::Digest(digest)) => Cow::Borrowed(digest),
        (Some(hash), Input::Message(message)) => Cow::Owned(hash.digest(message)?),
        (None, Input::Digest(_)) => return Err(Error::Unsupported("Ed25519 signs messages, not digests".into())),
    };
    let (sum, bytes) = (crc32c(&digest), Bytes::copy_from_slice(&digest));
    let digest = match scheme.hash() {
        Some(Hash::Sha256) => Digest::new().set_sha256(bytes),
        Some(Hash::Sha384) => Digest::new().set_sha384(bytes),
        Some(Hash::Sha512) => Digest::new().set_sha512(bytes),
        _ => return Err(Error::UnsupportedScheme { scheme, able: Vec::<Scheme>::new() }),
    };
    Ok(Body::Digest(digest, sum))
}

/// An answer that was damaged on the way is asked for once more, and so is a request that the service found damaged.
async fn whole_answer(
    ring: &Ring,
    name: &str,
    body: &Body,
    deadline: Instant,
) -> Result<AsymmetricSignResponse, Failure> {
    match ask(ring, name, body, deadline).await {
        Ok(answer) if is_whole(&answer, name, body) => return Ok(answer),
        Ok(_) => {}
        Err(failure) if failure.kind == Kind::Wrong => {}
        Err(failure) => return Err(failure),
    }
    let answer = ask(ring, name, body, deadline).await?;
    if is_whole(&answer, name, body) {
        return Ok(answer);
    }
    Err(Failure::damaged(METHOD, "a checksum or the name is wrong, twice"))
}

async fn ask(ring: &Ring, name: &str, body: &Body, deadline: Instant) -> Result<AsymmetricSignResponse, Failure> {
    let sent = call(ring, METHOD, deadline, |time| {
        let request = ring.client.asymmetric_sign().set_name(name).with_attempt_timeout(time);
        match body {
            Body::Digest(digest, sum) => request.set_digest(digest.clone()).set_digest_crc32c(*sum).send(),
            Body::Message(message, sum) => request.set_data(message.clone()).set_data_crc32c(*sum).send(),
        }
    });
    sent.await
}

/// Whether the service got what was sent, and this is what it answered.
fn is_whole(answer: &AsymmetricSignResponse, name: &str, body: &Body) -> bool {
    let arrived = match body {
        Body::Digest(..) => answer.verified_digest_crc32c,
        Body::Message(..) => answer.verified_data_crc32c,
    };
    let sound = !answer.signature.is_empty() && answer.signature.len() <= SIGNATURE_MAX;
    arrived && sound && answer.name == name && holds(&answer.signature, answer.signature_crc32c)
}
