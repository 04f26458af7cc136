//! Making a key.

use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_kms_v1::model::{CryptoKey, CryptoKeyVersionTemplate, ProtectionLevel};
use keys::registry::{GcpCkmsLocator, GcpCkmsProtection};
use keys::{Description, Error};
use tokio::time::Instant;

use crate::algorithm::Algorithm;
use crate::call::call;
use crate::failure::{Failure, Kind};
use crate::ring::{Ring, absent_ring};
use crate::version;

/// The version that a key has when it is made.
const FIRST_VERSION: &str = "1";

/// Makes the key and its first version, unless they are there. Of two nodes that do so at once one makes the key, and
/// both take it.
pub(crate) async fn generate(ring: &Ring, locator: &GcpCkmsLocator, deadline: Instant) -> Result<Description, Error> {
    match version::describe(ring, locator, deadline).await {
        Err(failure) if failure.kind == Kind::Absent => {}
        other => return other.map_err(Error::from),
    }
    if locator.crypto_key_version != FIRST_VERSION {
        return Err(no_version(locator));
    }
    let there = match create(ring, locator, deadline).await {
        Ok(()) => false,
        Err(failure) if failure.kind == Kind::Exists => true,
        Err(failure) if failure.kind == Kind::Absent => return Err(absent_ring()),
        Err(failure) => return Err(failure.into()),
    };
    match version::describe(ring, locator, deadline).await {
        Err(failure) if failure.kind == Kind::Absent && there => Err(no_version(locator)),
        other => other.map_err(Error::from),
    }
}

async fn create(ring: &Ring, locator: &GcpCkmsLocator, deadline: Instant) -> Result<(), Failure> {
    let algorithm = Algorithm::of(&locator.algorithm)?;
    let level = match locator.protection_level {
        GcpCkmsProtection::Hsm => ProtectionLevel::Hsm,
        GcpCkmsProtection::Software => ProtectionLevel::Software,
    };
    let template = CryptoKeyVersionTemplate::new().set_algorithm(algorithm.name).set_protection_level(level);
    let key = CryptoKey::new().set_purpose(algorithm.purpose()).set_version_template(template);
    let made = call(ring, "CreateCryptoKey", deadline, |time| {
        let request = ring.client.create_crypto_key().set_parent(&ring.name).set_crypto_key_id(&locator.crypto_key);
        request.set_crypto_key(key.clone()).with_attempt_timeout(time).send()
    });
    made.await.map(drop)
}

fn no_version(locator: &GcpCkmsLocator) -> Error {
    Error::invalid(format!(
        "crypto_key_version: the key has no version {}, and only a key that is not there yet can be made, with the \
         version {FIRST_VERSION}",
        locator.crypto_key_version
    ))
}
