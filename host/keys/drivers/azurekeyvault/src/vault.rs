//! One vault with one identity: its client, the limits of calls, and what is known of its keys.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use keys::Error;
use keys::registry::AzureKeyVaultProvider;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::cloud::Place;
use crate::failure::{Asked, Failure};
use crate::identity::{Identity, options};
use crate::settings::NodeIdentity;

/// Calls to a vault that run at once; more are told that it is busy.
const CALLS_MAX: usize = 256;
/// Keys whose version is remembered, for each vault.
const CHOSEN_MAX: usize = 1024;
/// The first pause before a call is tried again; each next one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// Longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Attempts at a call whose service fails. Throttled calls are tried as long as the deadline lets.
const ATTEMPTS_MAX: u32 = 3;

/// A vault, and who asks.
pub(crate) struct Vault {
    pub(crate) client: KeyClient,
    /// Whether it is a Managed HSM.
    pub(crate) hsm: bool,
    /// The version that was described last, by the key's name.
    pub(crate) chosen: Cache<String, String>,
    identity: Arc<Identity>,
    calls: Semaphore,
    /// The authority's refusal of the application's secret. It is not tried again: the record must be rewritten.
    refused: OnceLock<String>,
    with_secret: bool,
}

impl Vault {
    /// Reads certificates and, for a workload identity, its file: blocks for a moment. Dials nobody.
    pub(crate) fn new(provider: AzureKeyVaultProvider, place: Place, node: NodeIdentity) -> Result<Self, Error> {
        let (hsm, endpoint, wire) = (place.hsm, place.endpoint.clone(), place.to_vault()?);
        let with_secret = provider.client_secret.is_some();
        let identity = Arc::new(Identity::new(provider, place, node)?);
        let options = KeyClientOptions {
            client_options: options(wire, None),
            // The SDK compares the end of a name; `Identity` compares the whole scope, in every cloud.
            verify_challenge_resource: Some(false),
            ..KeyClientOptions::default()
        };
        let client = KeyClient::new(&endpoint, Arc::clone(&identity) as _, Some(options));
        Ok(Self {
            client: client.map_err(|_| Error::Internal("the vault's address is malformed".into()))?,
            hsm,
            chosen: Cache::new(CHOSEN_MAX),
            identity,
            calls: Semaphore::new(CALLS_MAX),
            refused: OnceLock::new(),
            with_secret,
        })
    }

    /// Runs a call, again where that may help, until it succeeds or the deadline is over.
    pub(crate) async fn call<T, F>(&self, asked: Asked, deadline: Instant, make: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        self.attempt(asked, deadline, make).await?.map_err(|failure| failure.into_error(asked))
    }

    /// The same, for callers to whom failures of the vault tell something.
    pub(crate) async fn attempt<T, F>(
        &self,
        asked: Asked,
        deadline: Instant,
        make: impl Fn() -> F,
    ) -> Result<Result<T, Failure>, Error>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        if let Some(code) = self.refused.get() {
            return Err(Error::Login(format!("the authority said {code} before")));
        }
        if deadline <= Instant::now() {
            return Err(Error::Timeout);
        }
        let busy = |_| Error::Busy { retry_after: Duration::from_secs(1) };
        let _call = self.calls.try_acquire().map_err(busy)?;
        let answer = tokio::time::timeout_at(deadline, self.persist(asked, deadline, make)).await;
        answer.map_err(|_| Error::Timeout)
    }

    async fn persist<T, F>(&self, asked: Asked, deadline: Instant, make: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        let mut pause = PAUSE_FIRST;
        for attempt in 1.. {
            let failure = match make().await {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::read(&error),
            };
            self.note(&failure);
            let wait = match &failure {
                Failure::Login { by_authority: false, .. } if self.renewed().await => Duration::ZERO,
                Failure::Throttled(retry_after) => (*retry_after).max(pause),
                // What makes a key may have made it: its caller looks first.
                Failure::Down(_) | Failure::Broken(_) if asked != Asked::Make && attempt < ATTEMPTS_MAX => pause,
                _ => return Err(failure),
            };
            if Instant::now() + wait >= deadline {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Err(Failure::Garbage("unreachable".into()))
    }

    async fn renewed(&self) -> bool {
        let identity = Arc::clone(&self.identity);
        tokio::task::spawn_blocking(move || identity.renew()).await.unwrap_or(false)
    }

    fn note(&self, failure: &Failure) {
        tracing::debug!(?failure, "a call to a vault failed");
        if let Failure::Login { code, by_authority: true } = failure
            && self.with_secret
        {
            let _ = self.refused.set(code.clone());
        }
    }
}
