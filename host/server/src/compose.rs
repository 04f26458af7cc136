//! Puts the rooms together.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Tokens;
use gateway::{Gateway, Rooms};
use keys::{InternalKeys, Libraries, Library, ManagedKeys, ProviderType};
use model::Fault;
use sandbox::{Catalog, Guest, Sandbox};
use secrecy::SecretString;
use storage::Store;
use storage::memory::Memory;
use system::{AfterRestore, Info, Snapshots, System};
use tenancy::Tenancy;

use crate::config::{self, Config};

/// Longest time that one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(90);
/// How often removed mounts and namespaces are cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A house that is ready to serve.
pub struct House {
    /// The corridor.
    pub gateway: Arc<Gateway>,
    /// The root token that was made, once.
    pub root_token: SecretString,
    /// Runs the guests; when it is dropped their clock stops.
    pub sandbox: Sandbox,
    pkcs11: Arc<pkcs11::Driver>,
}

impl House {
    /// Leaves the tokens in order: ends their sessions and finalises their libraries. Waits for calls into them, 5
    /// seconds at most. To be called before the process ends.
    pub async fn close(&self) {
        let driver = Arc::clone(&self.pkcs11);
        if let Err(error) = tokio::task::spawn_blocking(move || driver.close()).await {
            tracing::warn!(%error, "the PKCS#11 libraries were not closed in order");
        }
    }
}

/// Puts a house in memory together, unsealed, with a root token: this one or a random one. `more` are guests beside
/// the built-in ones.
pub async fn compose(config: &Config, root: Option<SecretString>, more: &[&[u8]]) -> Result<House, Fault> {
    let store = Store::new(Memory::new());
    let tenancy = Tenancy::open(&store).await?;
    let tokens = Tokens::open(&store).await?;
    let root_token = make_root(&store, &tokens, root).await?;
    let sandbox = Sandbox::new().map_err(|e| Fault::internal(e.to_string()))?;
    let catalog = Catalog::new(guests(&sandbox, more).await?);
    let info = Info {
        reported_version: config.reported_version.clone(),
        cluster_name: config.cluster_name.clone(),
        cluster_id: system::cluster_id(&store).await?,
        storage_type: "inmem",
        default_lease_ttl: config.default_lease_ttl,
        max_lease_ttl: config.max_lease_ttl,
    };
    let libraries = Arc::new(Libraries::new(config.libraries.iter().map(library))?);
    let pkcs11 = Arc::new(pkcs11::Driver::new(Arc::clone(&libraries)));
    let driver: Arc<dyn keys::Driver> = Arc::clone(&pkcs11) as _;
    let managed_keys = ManagedKeys::new(libraries, [(ProviderType::Pkcs11, driver)]);
    let snapshots = Snapshots::new(store.driver(), std::env::temp_dir(), Arc::new(Reopen));
    let system = System::new(info, catalog.clone(), managed_keys.clone(), snapshots)?;
    tokio::spawn(sweep(store.clone()));
    let rooms = Rooms {
        store,
        tenancy,
        tokens,
        managed_keys,
        internal_keys: InternalKeys::new(),
        catalog,
        system,
        request_time: REQUEST_TIME,
    };
    Ok(House { gateway: Arc::new(Gateway::new(rooms)), root_token, sandbox, pkcs11 })
}

/// What the house does once everything it keeps was replaced by a snapshot.
struct Reopen;

#[async_trait::async_trait]
impl AfterRestore for Reopen {
    async fn restored(&self) {
        tracing::warn!("everything that is kept was replaced by a snapshot");
    }
}

fn library(stanza: &config::Library) -> Library {
    Library { name: stanza.name.clone(), path: stanza.path.clone(), namespaces: stanza.namespaces.clone() }
}

async fn make_root(store: &Store, tokens: &Tokens, root: Option<SecretString>) -> Result<SecretString, Fault> {
    let broken = |e: storage::Error| Fault::internal(e.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut transaction = store.begin().await.map_err(broken)?;
    let token = tokens.create_root(&mut transaction, root, now).await?;
    transaction.commit().await.map_err(broken)?;
    Ok(token)
}

#[allow(unsafe_code, reason = "the built-in guests were precompiled by this build and are part of this binary")]
async fn guests(sandbox: &Sandbox, more: &[&[u8]]) -> Result<Vec<Guest>, Fault> {
    let mut guests = Vec::new();
    for bundled in bundle::ALL {
        // SAFETY: the bytes were made by this build's precompile_component and are constants of this binary.
        let guest = unsafe { sandbox.load_precompiled(bundled.precompiled) }.await;
        guests.push(guest.map_err(|e| Fault::internal(format!("the built-in guest {}: {e}", bundled.name)))?);
    }
    for component in more {
        guests.push(sandbox.load(component).await.map_err(|e| Fault::internal(e.to_string()))?);
    }
    Ok(guests)
}

/// Clears away what removed mounts and namespaces kept, as long as the server runs.
async fn sweep(store: Store) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        if let Err(error) = tenancy::sweep(&store).await {
            tracing::warn!(%error, "clearing away failed; it goes on at the next turn");
        }
    }
}
