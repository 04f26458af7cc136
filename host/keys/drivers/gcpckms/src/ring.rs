//! One key ring with one set of credentials.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use google_cloud_auth::credentials::{Builder as NodeBuilder, Credentials, anonymous, service_account};
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_kms_v1::client::KeyManagementService;
use keys::registry::{GcpCkmsLocator, GcpCkmsProvider};
use keys::{Error, Hash};
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::algorithm::Algorithm;
use crate::call::call;
use crate::failure::Kind;
use crate::settings::{NodeIdentity, Settings};

/// Calls to one ring that are under way at once.
const CALLS_MAX: usize = 128;
/// Calls to one ring that wait for their turn.
const WAITING_MAX: usize = 1024;
/// Versions of one ring whose algorithm is remembered.
const VERSIONS_MAX: usize = 1024;
/// What a client sees of a full queue.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What makes two records share a ring: all of the provider, by its digest, so that no second copy of a secret is kept
/// and wrong credentials in one record are not another's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity(Vec<u8>);

impl Identity {
    pub(crate) fn of(provider: &GcpCkmsProvider) -> Result<Self, Error> {
        let secret = provider.credentials.as_ref().map_or("", |credentials| credentials.expose_secret());
        let secret = Hash::Sha256.digest(secret.as_bytes())?;
        let name = format!("{}\n{}\n{}\n", provider.project, provider.region, provider.key_ring);
        Ok(Self(Hash::Sha256.digest(&[&secret, name.as_bytes()].concat())?))
    }
}

/// A connected ring.
pub(crate) struct Ring {
    pub(crate) client: KeyManagementService,
    /// `projects/…/locations/…/keyRings/…`
    pub(crate) name: String,
    /// The algorithms of versions that were asked for it. It never changes in the life of a version.
    versions: Cache<String, Algorithm>,
    turns: Semaphore,
    waiting: AtomicUsize,
}

impl Ring {
    /// Makes the client. Nothing is dialled, but for the node's own identity.
    pub(crate) async fn connect(settings: &Settings, provider: &GcpCkmsProvider) -> Result<Self, Error> {
        let name = provider.resource()?;
        // Sending again is done here, where the deadline is known.
        let mut builder = KeyManagementService::builder().with_retry_policy(NeverRetry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let made = builder.with_credentials(credentials(settings, provider)?).build().await;
        // The error's text may quote files of the node.
        let client = made.map_err(|_| Error::Internal("the client of Cloud KMS could not be made".into()))?;
        let (turns, waiting) = (Semaphore::new(CALLS_MAX), AtomicUsize::new(0));
        Ok(Self { client, name, versions: Cache::new(VERSIONS_MAX), turns, waiting })
    }

    /// Waits for a turn to call, in a bounded queue.
    pub(crate) async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let _waiting = Waiting::enter(&self.waiting)?;
        let turn = tokio::time::timeout_at(deadline, self.turns.acquire()).await.map_err(|_| Error::Timeout)?;
        turn.map_err(|_| Error::Internal("the queue of a key ring was closed".into()))
    }

    /// The cheapest question. A service account that may sign and nothing else may not ask it, and is answered so:
    /// then the ring was reached and the credentials were taken, which is all that is wanted.
    pub(crate) async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        let asked = call(self, "GetKeyRing", deadline, |time| {
            self.client.get_key_ring().set_name(&self.name).with_attempt_timeout(time).send()
        });
        match asked.await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Forbidden { by_policy: true } => Ok(()),
            Err(failure) if failure.kind == Kind::Absent => Err(absent_ring()),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(crate) fn known(&self, version: &str) -> Option<Algorithm> {
        self.versions.get(version)
    }

    pub(crate) fn know(&self, version: String, algorithm: Algorithm) {
        self.versions.insert(version, algorithm);
    }

    /// The name of a version of this ring.
    pub(crate) fn version(&self, locator: &GcpCkmsLocator) -> Result<String, Error> {
        locator.resource(&self.name)
    }
}

pub(crate) fn absent_ring() -> Error {
    Error::invalid("key_ring: there is no such key ring in this project and region; it must be made first")
}

/// One who waits, counted until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, Error> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(count);
        if before < WAITING_MAX { Ok(waiting) } else { Err(Error::Busy { retry_after: RETRY_AFTER }) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn credentials(settings: &Settings, provider: &GcpCkmsProvider) -> Result<Credentials, Error> {
    let made = match provider.account()? {
        // Of the file only what was checked is handed on.
        Some(account) => service_account::Builder::new(json!({
            "type": "service_account",
            "client_email": account.client_email,
            "private_key_id": account.private_key_id,
            "project_id": account.project_id,
            "private_key": account.private_key.expose_secret(),
        }))
        .build(),
        None => match settings.node_identity {
            NodeIdentity::Lent => NodeBuilder::default().build(),
            NodeIdentity::Anonymous => Ok(anonymous::Builder::new().build()),
            NodeIdentity::Refused => {
                return Err(Error::invalid(
                    "credentials: are required, because this server does not lend its own identity: send the JSON of a \
                     service account's key file",
                ));
            }
        },
    };
    // The error's text may quote files of the node.
    made.map_err(|_| Error::Login("the credentials could not be read".into()))
}
