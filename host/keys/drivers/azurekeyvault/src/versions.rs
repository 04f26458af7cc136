//! Which version of a key is meant where none is named, and how nodes agree on it when they make a key at once.
//!
//! A vault has no "create unless it is there": each creation makes another version of the name. So the versions that
//! are as old as the first, give or take [`RACE`], count as attempts at one key, and the oldest of them is the key; of
//! those that came later, by rotation, the newest enabled one is meant. Times are the vault's own, of one second: whoever
//! looks while the deciding second may not be over waits [`SETTLE`] and looks again. Nobody deletes or disables anything.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_security_keyvault_keys::models::{
    CreateKeyParameters, CurveName, Key, KeyClientGetKeyOptions, KeyOperation, KeyProperties, KeyType,
};
use azure_security_keyvault_keys::{KeyClient, ResourceExt};
use futures_util::StreamExt;
use keys::registry::AzureKeyVaultLocator;
use keys::{Curve, Error};
use tokio::time::Instant;

use crate::failure::{Asked, Failure};
use crate::key::{garbage, version};
use crate::vault::Vault;

/// How much younger than the first a version may be and count as an attempt at the same key, in seconds.
const RACE: i64 = 10;
/// How long the one who made a key waits before it looks which version won.
const SETTLE: Duration = Duration::from_secs(2);
/// Longest time that a creation may take: less than [`RACE`], so that a late one cannot pass for a rotation.
const MAKE_MAX: Duration = Duration::from_secs(6);
/// Versions of one key that are looked through.
const VERSIONS_MAX: usize = 1000;

/// A version, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    created: i64,
    id: String,
    enabled: bool,
}

impl Vault {
    /// The key that a locator means.
    pub(crate) async fn find(&self, locator: &AzureKeyVaultLocator, deadline: Instant) -> Result<Key, Error> {
        let name = &locator.key_name;
        let key = self.get(name, locator.key_version.as_deref(), deadline).await?;
        if locator.key_version.is_some() {
            return Ok(key);
        }
        let Some(meant) = self.meant(name, deadline).await? else { return Ok(key) };
        if key.resource_id().ok().and_then(|id| id.version).as_deref() == Some(meant.as_str()) {
            return Ok(key);
        }
        self.get(name, Some(&meant), deadline).await
    }

    /// Makes a key that was absent a moment ago, and answers the one that the nodes agree on.
    pub(crate) async fn make(&self, locator: &AzureKeyVaultLocator, deadline: Instant) -> Result<Key, Error> {
        let parameters = parameters(locator, self.hsm)?;
        let name = &locator.key_name;
        let until = deadline.min(Instant::now() + MAKE_MAX);
        self.call(Asked::Make, until, || async {
            self.client.create_key(name, parameters.clone().try_into()?, None).await?.into_model()
        })
        .await?;
        if deadline < Instant::now() + SETTLE {
            return Err(Error::Timeout);
        }
        tokio::time::sleep(SETTLE).await;
        self.find(locator, deadline).await
    }

    /// The key as the vault has it, of this version or its newest.
    pub(crate) async fn get(&self, name: &str, version: Option<&str>, deadline: Instant) -> Result<Key, Error> {
        let get = || async {
            let key_version = version.map(str::to_owned);
            let options = KeyClientGetKeyOptions { key_version, ..Default::default() };
            self.client.get_key(name, Some(options)).await?.into_model()
        };
        self.call(Asked::Look, deadline, get).await
    }

    /// The version that is meant. `None` where the credentials may not list versions, and where none is enabled: then it
    /// is the newest.
    async fn meant(&self, name: &str, deadline: Instant) -> Result<Option<String>, Error> {
        loop {
            let listed = self.attempt(Asked::Look, deadline, || versions(&self.client, name)).await?;
            let versions = match listed {
                Ok(versions) => versions,
                Err(Failure::Denied(_)) => return Ok(None),
                Err(failure) => return Err(failure.into_error(Asked::Look)),
            };
            if versions.len() > VERSIONS_MAX {
                return Err(Error::invalid("key_version: is required: the key has more than 1000 versions"));
            }
            let Some(meant) = choose(&versions) else { return Ok(None) };
            if !is_settling(meant, &versions) {
                return Ok(Some(meant.id.clone()));
            }
            if deadline < Instant::now() + SETTLE {
                return Err(Error::Timeout);
            }
            tokio::time::sleep(SETTLE).await;
        }
    }
}

/// The versions of a key, more than [`VERSIONS_MAX`] where there are more.
async fn versions(client: &KeyClient, name: &str) -> azure_core::Result<Vec<Version>> {
    let mut pages = client.list_key_properties_versions(name, None)?.into_pages();
    let mut versions = Vec::new();
    while let Some(page) = pages.next().await {
        versions.extend(page?.into_model()?.value.iter().filter_map(listed));
        if versions.len() > VERSIONS_MAX {
            break;
        }
    }
    Ok(versions)
}

fn listed(properties: &KeyProperties) -> Option<Version> {
    let id = version(properties.resource_id().ok()?.version)?;
    let attributes = properties.attributes.as_ref();
    let created = attributes.and_then(|attributes| attributes.created).map_or(0, |time| time.unix_timestamp());
    Some(Version { created, id, enabled: attributes.and_then(|attributes| attributes.enabled) != Some(false) })
}

fn choose(versions: &[Version]) -> Option<&Version> {
    let until = last_attempt(versions)?;
    let (attempts, later): (Vec<_>, Vec<_>) =
        versions.iter().filter(|version| version.enabled).partition(|version| version.created <= until);
    later.into_iter().max().or_else(|| attempts.into_iter().min())
}

/// The last second of attempts at making the key.
fn last_attempt(versions: &[Version]) -> Option<i64> {
    Some(versions.iter().map(|version| version.created).min()?.saturating_add(RACE))
}

/// Whether an older attempt than the one that is meant may still be made. A vault's clock that is ahead of ours looks
/// so for longer; one that is far from ours is not waited for.
fn is_settling(meant: &Version, versions: &[Version]) -> bool {
    let settle = i64::try_from(SETTLE.as_secs()).unwrap_or_default();
    let age = now().saturating_sub(meant.created);
    (-settle..settle).contains(&age) && last_attempt(versions).is_some_and(|until| meant.created <= until)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn parameters(locator: &AzureKeyVaultLocator, hsm: bool) -> Result<CreateKeyParameters, Error> {
    let kty = match locator.key_type.as_str() {
        "RSA" if !hsm => KeyType::Rsa,
        "RSA-HSM" => KeyType::RsaHsm,
        "EC" if !hsm => KeyType::Ec,
        "EC-HSM" => KeyType::EcHsm,
        "RSA" | "EC" => return Err(Error::invalid("key_type: a Managed HSM makes RSA-HSM and EC-HSM keys only")),
        _ => return Err(garbage("has a type of key that is unknown")),
    };
    let both = vec![KeyOperation::Sign, KeyOperation::Verify];
    if matches!(kty, KeyType::Rsa | KeyType::RsaHsm) {
        let bits = locator.key_bits.and_then(|bits| i32::try_from(bits).ok());
        let key_size = bits.ok_or_else(|| Error::invalid("key_bits: is required: 2048, 3072 or 4096"))?;
        let key_ops = both.into_iter().chain([KeyOperation::Encrypt, KeyOperation::Decrypt]).collect();
        return Ok(CreateKeyParameters {
            kty: Some(kty),
            key_size: Some(key_size),
            key_ops: Some(key_ops),
            ..Default::default()
        });
    }
    let curve = locator.curve.ok_or_else(|| Error::invalid("curve: is required: P256, P384 or P521"))?;
    let curve = match curve {
        Curve::P256 => CurveName::P256,
        Curve::P384 => CurveName::P384,
        Curve::P521 => CurveName::P521,
    };
    Ok(CreateKeyParameters { kty: Some(kty), curve: Some(curve), key_ops: Some(both), ..Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(created: i64, id: &str, enabled: bool) -> Version {
        Version { created, id: id.into(), enabled }
    }

    fn chosen(versions: &[Version]) -> Option<&str> {
        choose(versions).map(|version| version.id.as_str())
    }

    #[test]
    fn of_attempts_at_one_key_the_oldest_is_the_key_and_of_rotations_the_newest() {
        let (first, second) = (version(100, "b", true), version(100, "c", true));
        let (late, rotated) = (version(110, "a", true), version(111, "0", true));
        assert_eq!(chosen(&[late.clone(), second.clone(), first.clone()]), Some("b"));
        assert_eq!(chosen(&[first.clone(), rotated.clone(), second]), Some("0"));
        let disabled = Version { enabled: false, ..rotated };
        assert_eq!(chosen(&[first.clone(), disabled, late]), Some("b"));
        assert_eq!(chosen(&[version(1, "a", false)]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_version_of_this_moment_is_not_yet_settled_and_an_old_one_is() {
        let (young, old) = (version(now(), "b", true), version(now() - 3, "b", true));
        assert!(is_settling(&young, std::slice::from_ref(&young)));
        assert!(!is_settling(&old, std::slice::from_ref(&old)));
        let rotated = [version(now() - 60, "a", true), young.clone()];
        assert!(!is_settling(&young, &rotated), "a rotation decides nothing");
    }
}
