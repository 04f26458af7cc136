//! The devices of a node, as the store says that they should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use model::{Fault, MountPath, Operation};
use storage::Transaction;

use crate::Recording;
use crate::device::Device;
use crate::facts::{Namespace, Request};
use crate::salt::{fresh_id, random};
use crate::table::{HEADERS_MAX, Header, Record, SaltBytes, Shown, Table, Wanted};

/// The audit room. One for each time that a node is opened: what it knows goes when it is sealed.
#[derive(Default)]
pub struct Audit {
    cached: ArcSwap<Devices>,
}

/// The devices at one version of the store.
#[derive(Default)]
pub struct Devices {
    version: u64,
    devices: Vec<Arc<Device>>,
    headers: BTreeMap<String, Header>,
}

impl Devices {
    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.devices.iter()
    }

    pub(crate) fn headers(&self) -> &BTreeMap<String, Header> {
        &self.headers
    }
}

impl Audit {
    /// A room that knows of no device yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The devices that a request is recorded with: those of its own snapshot, or newer. Costs one read when nothing has
    /// changed. A device that cannot be opened on this node is among them, and fails its entries.
    pub async fn devices(&self, transaction: &Transaction) -> Result<Arc<Devices>, Fault> {
        let cached = self.cached.load_full();
        let (version, read) = Table::version(transaction).await?;
        if version.is_some_and(|version| version <= cached.version) {
            return Ok(cached);
        }
        let table = read()?;
        let known = |record: &Record| cached.devices.iter().find(|device| device.record == *record);
        let started = table.devices.into_iter().map(|record| match known(&record) {
            Some(device) => Ok(Arc::clone(device)),
            None => Device::start(record).map(Arc::new),
        });
        let devices = started.collect::<Result<_, Fault>>()?;
        let newer = Arc::new(Devices { version: version.unwrap_or(0), devices, headers: table.headers });
        // What this transaction wrote itself nobody else may see yet.
        if version.is_some() {
            self.cached.rcu(|now| if now.version < newer.version { Arc::clone(&newer) } else { Arc::clone(now) });
        }
        Ok(newer)
    }

    /// Lets all devices open their files and connections anew: files were rotated.
    pub fn reopen(&self) {
        for device in self.cached.load().all() {
            device.writer.reopen();
        }
    }

    /// Enables a device, after it has taken an entry of trial.
    pub async fn enable(
        &self,
        transaction: &mut Transaction,
        path: &str,
        wanted: Wanted,
        now: SystemTime,
    ) -> Result<(), Fault> {
        let path = parsed(path)?;
        let mut table = Table::read(transaction).await?;
        table.check(&path, &wanted)?;
        let record = Record {
            id: fresh_id()?,
            path,
            kind: wanted.kind,
            description: wanted.description,
            local: wanted.local,
            options: wanted.options,
            salt: SaltBytes::new(random()?),
        };
        try_out(record.clone(), now).await?;
        table.devices.push(record);
        table.write(transaction)
    }

    /// Disables a device; says whether there was one.
    pub async fn disable(&self, transaction: &mut Transaction, path: &str) -> Result<bool, Fault> {
        let path = parsed(path)?;
        let mut table = Table::read(transaction).await?;
        let before = table.devices.len();
        table.devices.retain(|device| device.path != path);
        let found = table.devices.len() < before;
        if found {
            table.write(transaction)?;
        }
        Ok(found)
    }

    /// The devices, by their paths.
    pub async fn list(&self, transaction: &mut Transaction) -> Result<Vec<Shown>, Fault> {
        Ok(Table::read(transaction).await?.devices.iter().map(Record::shown).collect())
    }

    /// What the device at this path writes for this text.
    pub async fn hash(&self, transaction: &mut Transaction, path: &str, input: &str) -> Result<String, Fault> {
        let path = parsed(path)?;
        let table = Table::read(transaction).await?;
        let device = table.find(&path).ok_or_else(|| Fault::invalid(format!("unknown audit backend {path}")))?;
        let salt = crate::salt::Salt::new(device.salt.as_slice());
        let mut hash = Vec::new();
        salt.hash_onto(input.as_bytes(), &mut hash);
        Ok(String::from_utf8(hash).unwrap_or_default())
    }

    /// The request headers that entries show.
    pub async fn headers(&self, transaction: &mut Transaction) -> Result<BTreeMap<String, Header>, Fault> {
        Ok(Table::read(transaction).await?.headers)
    }

    /// Lets entries show a request header. Names are taken in lower case.
    pub async fn set_header(&self, transaction: &mut Transaction, name: &str, header: Header) -> Result<(), Fault> {
        let name = header_name(name)?;
        let mut table = Table::read(transaction).await?;
        if table.headers.len() >= HEADERS_MAX && !table.headers.contains_key(&name) {
            return Err(Fault::invalid(format!("there are {HEADERS_MAX} request headers: remove one first")));
        }
        table.headers.insert(name, header);
        table.write(transaction)
    }

    /// The other way round.
    pub async fn remove_header(&self, transaction: &mut Transaction, name: &str) -> Result<(), Fault> {
        let name = header_name(name)?;
        let mut table = Table::read(transaction).await?;
        if table.headers.remove(&name).is_some() {
            table.write(transaction)?;
        }
        Ok(())
    }
}

fn parsed(path: &str) -> Result<MountPath, Fault> {
    MountPath::parse(path).map_err(|error| Fault::invalid(format!("path: {}", error.why)))
}

/// The name of a header: what HTTP calls a token, in lower case.
fn header_name(name: &str) -> Result<String, Fault> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > model::NAME_MAX || !name.bytes().all(is_token) {
        return Err(Fault::invalid("header: must be the name of a header, of at most 128 bytes"));
    }
    Ok(name.to_ascii_lowercase())
}

/// Opens a device and has it write one entry, as every entry will be written.
async fn try_out(record: Record, now: SystemTime) -> Result<(), Fault> {
    let device = Arc::new(Device::start(record)?);
    let refused = |error: String| Fault::invalid(format!("the audit device cannot be used: {error}"));
    device.writer.open().await.map_err(refused)?;
    let devices = Devices { devices: vec![device], ..Devices::default() };
    let facts = Request {
        id: fresh_id()?.to_string(),
        operation: Some(Operation::Update),
        namespace: Namespace { id: "root".into(), path: String::new() },
        path: "sys/audit/test".into(),
        ..Request::default()
    };
    let written = Recording::new(&devices, || (facts, None))?.request("", now).await;
    written.map_err(|fault| refused(fault.detail.unwrap_or_default()))
}
