//! Puts the rooms together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Tokens;
use access::policy::Acl;
use async_trait::async_trait;
use audit::Audit;
use gateway::{Furnish, Gateway, Rooms, Turns};
use keys::{InternalKeys, Libraries, Library, Limits, ManagedKeys, ProviderType};
use meter::Meter;
use model::Fault;
use outgoing::Outgoing;
use plugins::{Catalog, Compiled, Directory, Origins};
use registries::Registries;
use sandbox::{Loaded, Sandbox};
use seal::{Lock, Wrapper};
use signatures::Signers;
use storage::barrier::Barrier;
use storage::{Driver, Store};
use system::{AfterRestore, Front, Info, Snapshots, System};
use tenancy::Tenancy;
use tokio::task::JoinSet;
use traces::Traces;

use crate::config::{self, Config};
use crate::log;
use crate::observed::Observed;

/// Longest time that one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(90);
/// How often removed mounts and namespaces are cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often encryptions are counted, and the key of the barrier is replaced when it is due.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// First and longest wait between two tries to unseal by the configured seal.
const UNSEAL_EVERY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A house, sealed until its gateway is opened.
pub struct House {
    /// The corridor.
    pub gateway: Arc<Gateway>,
    /// Runs the guests; when it is dropped their clock stops.
    pub sandbox: Arc<Sandbox>,
    lock: Arc<Lock>,
    pkcs11: Arc<pkcs11::Driver>,
}

impl House {
    /// Leaves everything in order: seals, ends the sessions of tokens and finalises their libraries. Waits for calls
    /// into them, 5 seconds at most. To be called before the process ends.
    pub async fn close(&self) {
        self.gateway.seal().await;
        self.gateway.traces().close().await;
        let driver = Arc::clone(&self.pkcs11);
        if let Err(error) = tokio::task::spawn_blocking(move || driver.close()).await {
            tracing::warn!(%error, "the PKCS#11 libraries were not closed in order");
        }
    }

    /// Looks at the store and says in the log what the node waits for. Fails when the store is of a newer server, or
    /// sealed by what the configuration does not have.
    pub async fn look(&self) -> Result<(), Fault> {
        let status = self.lock.status().await?;
        match status.quorum {
            None => tracing::info!("the store is new: waiting for sys/init"),
            Some(quorum) if status.migration => {
                tracing::info!(
                    shares = quorum.threshold,
                    "sealed: waiting for sys/unseal with migrate, to change the seal"
                )
            }
            Some(_) if status.recovery_seal => tracing::info!(seal = status.kind, "sealed: unsealing by itself"),
            Some(quorum) => tracing::info!(shares = quorum.threshold, "sealed: waiting for sys/unseal"),
        }
        Ok(())
    }

    /// Opens the node by the configured seal, as soon as there is a store to open; ends when it is open, or at once
    /// when operators' shares are what opens it.
    pub async fn unseal_by_itself(&self) {
        if !self.lock.is_automatic() {
            return;
        }
        let (mut wait, longest) = UNSEAL_EVERY;
        while !self.gateway.is_open() {
            match self.lock.open_by_wrapper().await {
                Ok(Some(barrier)) => match self.gateway.open(barrier).await {
                    Ok(()) => return,
                    Err(error) => tracing::error!(%error, "the node does not open; it is tried again"),
                },
                // Not founded yet, or a migration waits for shares: looked for often, because somebody waits.
                Ok(None) => wait = UNSEAL_EVERY.0,
                Err(error) => tracing::warn!(%error, "the seal does not open; it is tried again"),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }
}

/// Puts a house together over a store, sealed. `more` are guests beside the built-in ones.
pub async fn compose(config: &Config, below: Arc<dyn Driver>, more: &[&[u8]]) -> Result<House, Fault> {
    let sandbox = Arc::new(Sandbox::new().map_err(|e| Fault::internal(e.to_string()))?);
    let meter = Meter::default();
    let guests = guests(&sandbox, more, &meter).await?;
    let catalog = Catalog::new(Arc::clone(&sandbox), guests, origins(config)?, meter.clone());
    let info = Info {
        reported_version: config.reported_version.clone(),
        cluster_name: config.cluster_name.clone(),
        storage_type: config.storage.kind(),
        default_lease_ttl: config.default_lease_ttl,
        max_lease_ttl: config.max_lease_ttl,
    };
    let seal_library = config.seal.as_ref().and_then(config::Seal::own_library);
    let libraries = config.libraries.iter().map(library).chain(seal_library);
    let libraries = Arc::new(Libraries::new(libraries)?);
    let pkcs11 = Arc::new(pkcs11::Driver::new(Arc::clone(&libraries), settings(config)));
    let driver: Arc<dyn keys::Driver> = Arc::clone(&pkcs11) as _;
    let wrapper = config
        .seal
        .as_ref()
        .map(|seal| -> Arc<dyn Wrapper> { Arc::new(seal::Pkcs11::new(Arc::clone(&driver), seal.pkcs11.clone())) });
    let leaving = config.seal.as_ref().is_some_and(|seal| seal.disabled);
    let lock = Arc::new(Lock::new(below, wrapper, leaving));
    let front = Front::new(info.clone(), Arc::clone(&lock));
    let reopen = Arc::new(Reopen::default());
    let hook = Arc::clone(&reopen);
    let observed =
        |(kind, driver)| (kind, Arc::new(Observed::new(driver, kind, meter.clone())) as Arc<dyn keys::Driver>);
    let drivers: Drivers = drivers(config, driver)?.into_iter().map(observed).collect();
    let limits = Limits::new(libraries, config.managed_keys.namespaces.values().cloned());
    let outgoing = Arc::new(Outgoing::new(config.http_out.clone()));
    let (counted, configured) = (meter.clone(), config.shown());
    let traces = traces(config, &meter)?;
    let tracing = traces.clone();
    let furnish: Furnish = Box::new(move |barrier| {
        let claims = Some(Store::new(Arc::clone(&barrier)));
        let keys = ManagedKeys::with_limits(limits.clone(), drivers.clone(), claims);
        let rooms = (catalog.clone(), keys, Arc::clone(&outgoing));
        let (observers, configured) = ((counted.clone(), tracing.clone()), configured.clone());
        Box::pin(furnish(barrier, (info.clone(), configured), rooms, Arc::clone(&hook), observers))
    });
    let gateway = Arc::new(Gateway::new(front, furnish, meter).traced(traces));
    drop(reopen.0.set(Arc::downgrade(&gateway)));
    Ok(House { gateway, sandbox, lock, pkcs11 })
}

/// What makes traces, where the configuration says where they go.
fn traces(config: &Config, meter: &Meter) -> Result<Traces, Fault> {
    let Some(configured) = &config.traces else { return Ok(Traces::default()) };
    let started = Traces::start(&configured.settings(&config.cluster_name)?, meter.clone());
    started.map_err(|error| Fault::internal(format!("telemetry.traces.{error}")))
}

type Drivers = Vec<(ProviderType, Arc<dyn keys::Driver>)>;

/// A driver for each type of managed key. None of them dials anything yet.
fn drivers(config: &Config, pkcs11: Arc<dyn keys::Driver>) -> Result<Drivers, Fault> {
    let settings = &config.managed_keys;
    Ok(vec![
        (ProviderType::Pkcs11, pkcs11),
        (ProviderType::AwsKms, Arc::new(awskms::Driver::new(settings.awskms.clone()))),
        (ProviderType::AzureKeyVault, Arc::new(azurekeyvault::Driver::new(settings.azurekeyvault.clone())?)),
        (ProviderType::GcpCkms, Arc::new(gcpckms::Driver::new(settings.gcpckms.clone())?)),
    ])
}

/// The rooms of an open node.
async fn furnish(
    barrier: Arc<Barrier>,
    (info, configured): (Info, serde_json::Value),
    (catalog, managed_keys, outgoing): (Catalog, ManagedKeys, Arc<Outgoing>),
    reopen: Arc<Reopen>,
    (meter, traces): (Meter, Traces),
) -> Result<Rooms, Fault> {
    let store = Store::new(Arc::clone(&barrier)).observed(meter.clone());
    let tokens = Arc::new(Tokens::open(&store).await?);
    let snapshots = Snapshots::new(Arc::clone(barrier.below()), std::env::temp_dir(), reopen);
    let rooms = (Arc::clone(&barrier), Arc::clone(&tokens));
    let audit = Arc::new(Audit::new());
    let version = info.reported_version.clone();
    let system = System::new(info, rooms, catalog.clone(), managed_keys.clone(), Arc::clone(&audit), snapshots)?;
    let system = system.observed(meter).configured(configured);
    let system = match log::loggers() {
        Some(loggers) => system.logging(loggers),
        None => system,
    };
    system::note_version(&store, &version, now()).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(sweep(store.clone()));
    tasks.spawn(keep_count(store.clone(), Arc::clone(&barrier)));
    Ok(Rooms {
        cluster_id: system::cluster_id(&store).await?,
        tenancy: Tenancy::open(&store).await?,
        tokens,
        policies: Arc::clone(system.policies()),
        governing: Arc::clone(system.governing()),
        root_acl: Arc::new(Acl::root()),
        barrier,
        store,
        managed_keys,
        internal_keys: InternalKeys::new(),
        outgoing,
        audit,
        catalog,
        turns: Turns::default(),
        system,
        traces,
        request_time: REQUEST_TIME,
        tasks,
    })
}

/// Opens the house anew once everything it keeps was replaced by a snapshot. The gateway is put in when it is made.
#[derive(Default)]
struct Reopen(OnceLock<Weak<Gateway>>);

#[async_trait]
impl AfterRestore for Reopen {
    async fn restored(&self) {
        tracing::warn!("everything that is kept was replaced by a snapshot");
        if let Some(gateway) = self.0.get().and_then(Weak::upgrade) {
            gateway.reopen().await;
        }
    }
}

/// How libraries are run, by name. The seal's own may be the file of a stanza: then it is one library, run as that says.
fn settings(config: &Config) -> Vec<(String, pkcs11::Settings)> {
    let stanzas = config.libraries.iter().map(|stanza| (stanza.name.clone(), stanza.settings.clone()));
    let own = config.seal.as_ref().and_then(config::Seal::own_library).and_then(|own| {
        let file = own.path.canonicalize().unwrap_or(own.path);
        let same = |stanza: &&config::Library| stanza.path.canonicalize().is_ok_and(|path| path == file);
        Some((own.name, config.libraries.iter().find(same)?.settings.clone()))
    });
    stanzas.chain(own).collect()
}

fn library(stanza: &config::Library) -> Library {
    Library { name: stanza.name.clone(), path: stanza.path.clone(), namespaces: stanza.namespaces.clone() }
}

/// Where components come from and where their native code is kept, and who signs them.
fn origins(config: &Config) -> Result<Origins, Fault> {
    fn open<T>(
        key: &str,
        path: Option<&PathBuf>,
        open: impl Fn(&Path) -> std::io::Result<T>,
    ) -> Result<Option<T>, Fault> {
        let failed = |error: std::io::Error| Fault::internal(format!("{key}: {error}"));
        path.map(|path| open(path).map_err(failed)).transpose()
    }
    let directory = open("plugin_directory", config.plugin_directory.as_ref(), Directory::open)?;
    let compiled = open("plugin_cache_directory", config.plugin_cache_directory.as_ref(), Compiled::open)?;
    let registries = Registries::new(config.plugin_registries.clone());
    let registries =
        registries.map_err(|(host, wrong)| Fault::internal(format!("plugin_registries {host:?}: {wrong}")))?;
    Ok(Origins { directory, compiled, registries, signers: Signers::new(config.plugin_signers.clone()) })
}

#[allow(unsafe_code, reason = "the built-in guests were precompiled by this build and are part of this binary")]
async fn guests(sandbox: &Sandbox, more: &[&[u8]], meter: &Meter) -> Result<Vec<Loaded>, Fault> {
    let mut guests = Vec::new();
    for bundled in bundle::ALL {
        // SAFETY: the bytes were made by this build's precompile_component and are constants of this binary.
        let guest = unsafe { sandbox.load_builtin(bundled.precompiled, meter) }.await;
        guests.push(guest.map_err(|e| Fault::internal(format!("the built-in guest {}: {e}", bundled.name)))?);
    }
    for component in more {
        guests.push(sandbox.load(component, meter).await.map_err(|e| Fault::internal(e.to_string()))?);
    }
    Ok(guests)
}

/// Clears away what removed mounts and namespaces kept, as long as the node is open.
async fn sweep(store: Store) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        if let Err(error) = tenancy::sweep(&store).await {
            tracing::warn!(%error, "clearing away failed; it goes on at the next turn");
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Counts what is encrypted, and replaces the key of the barrier when it is due, as long as the node is open.
async fn keep_count(store: Store, barrier: Arc<Barrier>) {
    let mut tick = tokio::time::interval(COUNT_EVERY);
    loop {
        tick.tick().await;
        match seal::rotation::keep_count(&store, &barrier, now()).await {
            Ok(()) => {}
            // Another node counts at the same time.
            Err(seal::Error::Storage(storage::Error::Conflict)) => {}
            Err(error) => tracing::warn!(%error, "encryptions were not counted; it is tried at the next turn"),
        }
    }
}
