//! What a version is: its public half, its algorithm, its state.

use std::time::Duration;

use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_kms_v1::model::PublicKey;
use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionState as State;
use keys::registry::GcpCkmsLocator;
use keys::{Description, Error, SPKI_MAX, key_type_of};
use tokio::time::{Instant, sleep_until};

use crate::algorithm::Algorithm;
use crate::call::{call, pause};
use crate::checksum;
use crate::failure::{Failure, Kind};
use crate::ring::Ring;

/// What a client is told of a key that is still being made.
const PENDING_AFTER: Duration = Duration::from_secs(5);

/// Describes a version; one that is still being made is waited for. [`Kind::Absent`] when there is none.
pub(crate) async fn describe(ring: &Ring, locator: &GcpCkmsLocator, deadline: Instant) -> Result<Description, Failure> {
    let name = ring.version(locator)?;
    let mut tries = 0;
    loop {
        let described = match Algorithm::of(&locator.algorithm)?.symmetric() {
            Some(symmetric) => described_symmetric(ring, &name, locator, symmetric, deadline).await,
            None => match public_key(ring, &name, deadline).await {
                Ok(answer) => return Ok(described(ring, name, locator, &answer)?),
                Err(failure) => Err(failure),
            },
        };
        match described {
            Ok(Some(description)) => return Ok(description),
            Ok(None) => {}
            Err(failure) if failure.kind == Kind::State => usable_soon(ring, &name, &failure, deadline).await?,
            Err(failure) => return Err(failure),
        }
        tries += 1;
        let again = Instant::now() + pause(tries);
        if again >= deadline {
            return Err(pending().into());
        }
        sleep_until(again).await;
    }
}

/// The error for a version that is still being made.
pub(crate) fn pending() -> Error {
    Error::Unavailable { detail: "the version is still being made".into(), retry_after: PENDING_AFTER }
}

/// The algorithm of a version, asked for once: signing with a record that is wrong would give another kind of signature
/// than the one that was wanted, and no error.
pub(crate) async fn algorithm(ring: &Ring, locator: &GcpCkmsLocator, deadline: Instant) -> Result<Algorithm, Error> {
    let said = Algorithm::of(&locator.algorithm)?;
    match ring.known(&ring.version(locator)?) {
        Some(own) if own == said => Ok(said),
        Some(own) => Err(other_algorithm(own.name, said.name)),
        None => describe(ring, locator, deadline).await.map(|_| said).map_err(Error::from),
    }
}

async fn public_key(ring: &Ring, name: &str, deadline: Instant) -> Result<PublicKey, Failure> {
    let method = "GetPublicKey";
    let ask = || {
        call(ring, method, deadline, |time| {
            ring.client.get_public_key().set_name(name).with_attempt_timeout(time).send()
        })
    };
    let whole = |answer: &PublicKey| answer.name == name && checksum::holds(answer.pem.as_bytes(), answer.pem_crc32c);
    let first = ask().await?;
    if whole(&first) {
        return Ok(first);
    }
    let second = ask().await?;
    if whole(&second) { Ok(second) } else { Err(Failure::damaged(method, "the checksum or the name is wrong, twice")) }
}

fn described(ring: &Ring, name: String, locator: &GcpCkmsLocator, answer: &PublicKey) -> Result<Description, Error> {
    let own = answer.algorithm.name().unwrap_or("unknown");
    if own != locator.algorithm {
        return Err(other_algorithm(own, &locator.algorithm));
    }
    let algorithm = Algorithm::of(own)?;
    let garbage = || Error::Internal("GetPublicKey: the public key is none of the algorithm".into());
    let (_, document) = der::Document::from_pem(&answer.pem).map_err(|_| garbage())?;
    let public_key = document.as_bytes().to_vec();
    if public_key.len() > SPKI_MAX || key_type_of(&public_key).map_err(|_| garbage())? != algorithm.key_type {
        return Err(garbage());
    }
    ring.know(name, algorithm);
    Ok(Description::pair(public_key, algorithm.key_type, algorithm.schemes()))
}

/// A symmetric key has no public half: the version itself says what it is. `None` while it is being made.
async fn described_symmetric(
    ring: &Ring,
    name: &str,
    locator: &GcpCkmsLocator,
    symmetric: Description,
    deadline: Instant,
) -> Result<Option<Description>, Failure> {
    let asked = call(ring, "GetCryptoKeyVersion", deadline, |time| {
        ring.client.get_crypto_key_version().set_name(name).with_attempt_timeout(time).send()
    });
    let version = asked.await?;
    let own = version.algorithm.name().unwrap_or("unknown");
    if own != locator.algorithm {
        return Err(other_algorithm(own, &locator.algorithm).into());
    }
    if let Some(word) = unusable(&version.state) {
        return Err(Error::Unusable(word.into()).into());
    }
    if version.state != State::Enabled {
        return Ok(None);
    }
    ring.know(name.to_owned(), Algorithm::of(own)?);
    Ok(Some(symmetric))
}

fn other_algorithm(own: &str, said: &str) -> Error {
    let own: String = own.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    Error::invalid(format!(
        "algorithm: the version's own algorithm is {own}, the managed key says {said}: write it again with {own}"
    ))
}

/// Ends if the version may be usable soon; otherwise says its state.
pub(crate) async fn usable_soon(ring: &Ring, name: &str, refused: &Failure, deadline: Instant) -> Result<(), Failure> {
    let asked = call(ring, "GetCryptoKeyVersion", deadline, |time| {
        ring.client.get_crypto_key_version().set_name(name).with_attempt_timeout(time).send()
    });
    let state = match asked.await {
        Ok(version) => version.state,
        // Who may sign may not always ask for the state: then the refusal's own text has it.
        Err(_) => mentioned(refused),
    };
    match unusable(&state) {
        None => Ok(()),
        Some(text) => Err(Error::Unusable(text.into()).into()),
    }
}

/// The state of a version that nobody may use, nor soon.
fn unusable(state: &State) -> Option<&'static str> {
    Some(match state {
        State::PendingGeneration | State::Enabled => return None,
        State::Disabled => "disabled",
        State::Destroyed => "destroyed",
        State::DestroyScheduled => "scheduled for destruction",
        State::PendingImport => "waiting for its import",
        State::ImportFailed | State::GenerationFailed => "one that could not be made",
        _ => "disabled or destroyed",
    })
}

fn mentioned(refused: &Failure) -> State {
    let words = [
        ("PENDING_GENERATION", State::PendingGeneration),
        ("DESTROY_SCHEDULED", State::DestroyScheduled),
        ("DESTROYED", State::Destroyed),
        ("DISABLED", State::Disabled),
    ];
    let found = words.into_iter().find(|(word, _)| refused.mentions(word));
    found.map_or(State::Unspecified, |(_, state)| state)
}
