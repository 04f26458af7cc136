//! Azure, as far as keys go, for tests: Entra ID's tokens, the identity of a machine, and vaults, on this machine.
//!
//! No emulator of vaults can be installed from a registry of packages, so this one is the tests' own, written after the
//! public reference of the REST API (api-version 2025-07-01): TLS by names of Azure, challenges, tokens that are really
//! checked (audience, tenant, expiry, role), versions that each creation adds, `key_ops`, states, pages, error bodies with
//! inner codes. Keys are made and used by the program `openssl`, which shares no code with the driver. What it cannot
//! show is what Azure does and its reference does not say.
//!
//! Vaults appear when they are named, so that each test has its own, and faults are of one vault or one tenant.

mod authority;
mod listen;
mod pair;
mod vault;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::openssl::{Folder, tempdir};
use authority::Token;
use vault::Version;

/// The tenant that vaults belong to.
pub const TENANT: &str = "7b795fb9-09d3-42f4-a494-38864f99ba3c";
/// Another tenant, whose tokens vaults refuse.
pub const OTHER_TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// An application that may do all with keys.
pub const CLIENT: &str = "0a1b2c3d-0000-4000-8000-000000000001";
/// An application that may do nothing.
pub const STRANGER: &str = "0a1b2c3d-0000-4000-8000-000000000002";
/// An application that may do all but list.
pub const NEAR_SIGHTED: &str = "0a1b2c3d-0000-4000-8000-000000000003";
/// A name that an own cloud may have for its vaults, and its authority.
pub const OWN_SUFFIX: &str = "vault.inn.test";
/// The authority of that cloud.
pub const OWN_AUTHORITY: &str = "login.inn.test";

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 429, with this many seconds in `Retry-After`.
    Throttled(u64),
    /// This status, with an error body whose text nobody should repeat.
    Status(u16),
    /// 200 and a page of HTML.
    Html,
    /// Bytes that are not HTTP.
    Noise,
    /// A longer answer than anybody wants.
    Endless,
    /// The connection ends.
    HangUp,
    /// The answer comes after this time.
    Slow(Duration),
    /// The answer never comes.
    Never,
    /// 302 to another host.
    Redirect,
}

/// Words of the bodies of faults and errors: no client may see them.
pub const UNSPEAKABLE: &str = "unspeakable-body";

/// Azure on this machine. It goes when it is dropped.
pub struct Azure {
    state: Arc<State>,
    folder: Folder,
    secure: SocketAddr,
    plain: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    /// The secret of every application.
    pub secret: String,
}

#[derive(Default)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    secret: String,
    assertion: String,
    folder: PathBuf,
}

#[derive(Default)]
pub(crate) struct Inner {
    /// By host and name of the key.
    keys: HashMap<(String, String), Vec<Version>>,
    tokens: HashMap<String, Token>,
    /// By the first label of a vault's host, or by tenant.
    faults: HashMap<String, Vec<Fault>>,
    log: Vec<String>,
    serial: u64,
}

impl State {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Azure {
    /// Starts it on free ports.
    pub fn start() -> Self {
        let folder = tempdir();
        let (secret, assertion) = (random(), random());
        std::fs::write(folder.0.join("federated-token"), &assertion).unwrap();
        let state =
            Arc::new(State { secret: secret.clone(), assertion, folder: folder.0.clone(), inner: Mutex::default() });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (secure, plain) = listen::start(Arc::clone(&state), &folder.0, stopped);
        Self { state, folder, secure, plain, stop: Some(stop), secret }
    }

    /// The CA that vouches for every host of it, as a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.0.join("ca.pem")
    }

    /// A CA that vouches for nobody here.
    pub fn other_ca_file(&self) -> PathBuf {
        self.folder.0.join("other-ca.pem")
    }

    /// The file of the node's workload identity.
    pub fn federated_token(&self) -> PathBuf {
        self.folder.0.join("federated-token")
    }

    /// Where its hosts are: the authorities, the machine's source of identities, and these vaults in every domain.
    pub fn addresses(&self, vaults: &[&str]) -> BTreeMap<String, SocketAddr> {
        let authorities = ["login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"];
        let mut addresses: BTreeMap<String, SocketAddr> =
            authorities.into_iter().chain([OWN_AUTHORITY]).map(|host| (host.to_owned(), self.secure)).collect();
        addresses.insert("169.254.169.254".into(), self.plain);
        for suffix in keys::registry::AZURE_RESOURCES.into_iter().chain([OWN_SUFFIX]) {
            addresses.extend(vaults.iter().map(|vault| (format!("{vault}.{suffix}"), self.secure)));
        }
        addresses
    }

    /// Makes the next requests to a vault, or of a tenant to the authority, go wrong, one each.
    pub fn fault(&self, vault_or_tenant: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut inner = self.state.lock();
        let queue = inner.faults.entry(vault_or_tenant.to_owned()).or_default();
        queue.clear();
        queue.extend(faults);
    }

    /// What was asked of a vault, or of the authority for a tenant, since the last time: method, path without query.
    pub fn asked(&self, vault_or_tenant: &str) -> Vec<String> {
        let mut inner = self.state.lock();
        let (found, rest) = std::mem::take(&mut inner.log)
            .into_iter()
            .partition(|line| line.starts_with(&format!("{vault_or_tenant} ")));
        inner.log = rest;
        found
    }

    /// Adds a version to a key, as a rotation does, made by hand or by policy.
    pub fn rotate(&self, host: &str, name: &str) {
        let newest = self.with(host, name, |versions| versions.last().unwrap().clone());
        let rotated = newest.rotated(&self.state.folder, self.state.lock().next());
        self.with(host, name, |versions| versions.push(rotated));
    }

    /// Lets all versions of a key be so many seconds older.
    pub fn age(&self, host: &str, name: &str, seconds: u64) {
        self.with(host, name, |versions| versions.iter_mut().for_each(|version| version.created -= seconds));
    }

    /// Enables or disables all versions of a key.
    pub fn enable(&self, host: &str, name: &str, enabled: bool) {
        self.with(host, name, |versions| versions.iter_mut().for_each(|version| version.enabled = enabled));
    }

    /// Sets the times, relative to now, between which all versions of a key are valid.
    pub fn valid(&self, host: &str, name: &str, from: Option<i64>, until: Option<i64>) {
        let at = |relative: i64| now().checked_add_signed(relative).unwrap();
        self.with(host, name, |versions| {
            for version in versions {
                (version.not_before, version.expires) = (from.map(at), until.map(at));
            }
        });
    }

    /// Sets what all versions of a key may be used for.
    pub fn operations(&self, host: &str, name: &str, operations: &[&str]) {
        let operations: Vec<String> = operations.iter().map(|operation| (*operation).to_owned()).collect();
        self.with(host, name, |versions| {
            versions.iter_mut().for_each(|version| version.operations.clone_from(&operations))
        });
    }

    /// How many versions a key has.
    pub fn versions(&self, host: &str, name: &str) -> usize {
        self.with(host, name, |versions| versions.len())
    }

    /// Ends the life of all tokens that were given out.
    pub fn forget_tokens(&self) {
        self.state.lock().tokens.clear();
    }

    fn with<T>(&self, host: &str, name: &str, work: impl FnOnce(&mut Vec<Version>) -> T) -> T {
        let mut inner = self.state.lock();
        work(inner.keys.get_mut(&(host.to_owned(), name.to_owned())).expect("the key is in the vault"))
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Inner {
    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Sixteen random bytes in hexadecimal digits.
pub(crate) fn random() -> String {
    use std::io::Read;
    let mut bytes = [0; 16];
    std::fs::File::open(Path::new("/dev/urandom")).unwrap().read_exact(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
