//! What operators do with a managed key itself: try it, and ask after it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use storage::Transaction;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{ManagedKey, ManagedKeys, Place, shown};
use crate::registry;
use crate::{Driver, Error, Hash, Input, KeyType, Provider, ProviderType, Scheme, Usage, random};

/// Providers that are asked at once when all are.
const ASKED_AT_ONCE: usize = 8;

/// What `test/sign` is to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestSign {
    /// PSS rather than PKCS#1 v1.5, for RSA keys.
    pub use_pss: bool,
    /// The hash; the key's usual one if none is named, and Ed25519 has its own.
    pub hash: Option<Hash>,
}

impl TestSign {
    /// Reads `use_pss` (default false) and `hash_algorithm`. Where none is named it is what the key signs most usually:
    /// `sha2-256` for most, and for a key that is bound to another hash, that one.
    pub fn from_params(fields: &Map<String, Value>) -> Result<Self, Error> {
        let use_pss = match fields.get("use_pss") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) if text.is_empty() => false,
            Some(Value::String(text)) => {
                text.parse().map_err(|_| Error::invalid("use_pss: is not a boolean; use true or false"))?
            }
            Some(_) => return Err(Error::invalid("use_pss: is not a boolean; use true or false")),
        };
        let wrong = || {
            let names: Vec<&str> = Hash::ALL.into_iter().map(Hash::name).collect();
            Error::invalid(format!("hash_algorithm: is not a known hash; use one of {}", names.join(", ")))
        };
        let hash = match fields.get("hash_algorithm") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(Hash::parse(text).ok_or_else(wrong)?),
            Some(_) => return Err(wrong()),
        };
        Ok(Self { use_pss, hash })
    }
}

/// How a provider is, as one cheap call found it.
#[derive(Debug)]
pub struct Health {
    /// Why it does not serve, `None` when it does.
    pub error: Option<Error>,
    /// How long the call took.
    pub took: Duration,
}

impl ManagedKeys {
    /// Signs random bytes with the key and verifies them with its public half. A key that is absent is made if its
    /// record allows it.
    pub async fn test_sign(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
        test: TestSign,
        deadline: Instant,
    ) -> Result<(), Error> {
        let key = self.by_type(transaction, place, kind, name).await?;
        key.may(Usage::Sign)?;
        key.may(Usage::Verify)?;
        let description = key.describe(transaction, deadline).await?;
        let with = |hash| match description.key_type {
            KeyType::Rsa { .. } if test.use_pss => Scheme::Pss(hash),
            KeyType::Rsa { .. } => Scheme::Pkcs1v15(hash),
            KeyType::Ec(_) => Scheme::Ecdsa(hash),
            KeyType::Ed25519 | KeyType::Aes { .. } | KeyType::Hmac { .. } => Scheme::Ed25519,
        };
        if !description.key_type.is_pair() {
            let what = format!("signing with an {} key: it is symmetric", description.key_type);
            return Err(Error::Unsupported(what).of(name));
        }
        let usual = || description.schemes.iter().filter_map(|scheme| scheme.hash()).map(with);
        let usual = || usual().find(|scheme| description.schemes.contains(scheme));
        let scheme = match test.hash {
            Some(hash) => with(hash),
            None => usual().unwrap_or_else(|| with(Hash::Sha256)),
        };
        let message = random::bytes::<32>()?;
        let input = Input::Message(&message);
        let signature = key.sign(transaction, scheme, input, deadline).await?;
        if key.verify(transaction, scheme, input, &signature, deadline).await? {
            return Ok(());
        }
        Err(Error::Internal("the signature does not verify with the key's public half".into()).of(name))
    }

    /// Whether the key's provider can be reached and takes the credentials. The outer error is of the request.
    pub async fn health(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
        deadline: Instant,
    ) -> Result<Health, Error> {
        let key = self.by_type(transaction, place, kind, name).await?;
        Ok(ask(Arc::clone(key.driver()?), Arc::clone(&key.entry.provider), deadline).await)
    }

    /// How the providers of a page of keys are, each provider asked once: names of keys, those of a type after `after`,
    /// at most `limit`.
    pub async fn health_of_all(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        after: Option<&str>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<(String, Arc<Health>)>, Error> {
        let page = registry::list(transaction, place.namespace, kind, after, limit).await?;
        let turns = Arc::new(Semaphore::new(ASKED_AT_ONCE));
        let mut asked: JoinSet<(String, Health)> = JoinSet::new();
        let mut configs: Vec<(String, String)> = Vec::new();
        for name in page.names {
            let key = self.by_type(transaction, place, kind, &name).await?;
            let config = key.entry.record.config().to_owned();
            if !configs.iter().any(|(_, known)| *known == config) {
                let (driver, provider) = (Arc::clone(key.driver()?), Arc::clone(&key.entry.provider));
                let (turns, config) = (Arc::clone(&turns), config.clone());
                asked.spawn(async move {
                    let _turn = turns.acquire().await;
                    (config, ask(driver, provider, deadline).await)
                });
            }
            configs.push((name, config));
        }
        let mut found: Vec<(String, Arc<Health>)> = Vec::new();
        while let Some(done) = asked.join_next().await {
            let (config, health) = done.map_err(|_| Error::Internal("asking after a provider ended early".into()))?;
            found.push((config, Arc::new(health)));
        }
        let of = |config: &str| found.iter().find(|(known, _)| known == config).map(|(_, health)| Arc::clone(health));
        Ok(configs.into_iter().filter_map(|(name, config)| of(&config).map(|health| (name, health))).collect())
    }

    pub(super) async fn by_type(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
    ) -> Result<ManagedKey, Error> {
        let key = self.load(transaction, place.namespace, name).await?;
        let key = key.filter(|key| key.entry.provider.kind() == kind);
        let key = key.ok_or_else(|| Error::NotInNamespace(shown(name)))?;
        self.0.limits.check_use(key.name(), &key.entry.provider, place.path)?;
        Ok(key)
    }
}

async fn ask(driver: Arc<dyn Driver>, provider: Arc<Provider>, deadline: Instant) -> Health {
    let began = Instant::now();
    let answer = driver.health(&provider, deadline).await;
    Health { error: answer.err(), took: began.elapsed() }
}
