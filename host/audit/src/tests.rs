//! The room as a whole: entries through devices that work, fail, block and come back.

mod entries;
mod failing;
mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{Fault, Operation};
use secrecy::SecretString;
use serde_json::Value;
use serde_json::value::RawValue;
use storage::Store;
use storage::memory::Memory;

use crate::device::DEADLINE;
use crate::table::DEVICES_MAX;
use crate::*;

/// A node, or several, over one store.
struct House {
    store: Store,
    audit: Audit,
    folder: PathBuf,
}

impl House {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("innkeeper-audit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self { store: Store::new(Memory::new()), audit: Audit::new(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    async fn enable(&self, path: &str, kind: &str, options: &[(&str, &str)]) -> Result<(), Fault> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let wanted = Wanted { kind: kind.into(), options, ..Wanted::default() };
        let mut transaction = self.store.begin().await.unwrap();
        self.audit.enable(&mut transaction, path, wanted, now()).await?;
        transaction.commit().await.unwrap();
        Ok(())
    }

    async fn enable_file(&self, path: &str, file: &Path) -> Result<(), Fault> {
        self.enable(path, "file", &[("file_path", file.to_str().unwrap())]).await
    }

    /// Stores a device without trying it out, as if it had worked once.
    async fn assume(&self, path: &str, kind: &str, options: &[(&str, &str)]) {
        let mut transaction = self.store.begin().await.unwrap();
        let mut table = crate::table::Table::read(&mut transaction).await.unwrap();
        table.devices.push(crate::table::Record {
            id: crate::salt::fresh_id().unwrap(),
            path: model::MountPath::parse(path).unwrap(),
            kind: kind.into(),
            description: String::new(),
            local: false,
            options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            salt: crate::table::SaltBytes::new([9; 32]),
        });
        table.write(&mut transaction).unwrap();
        transaction.commit().await.unwrap();
    }

    async fn devices(&self) -> Arc<Devices> {
        self.audit.devices(&self.store.begin().await.unwrap()).await.unwrap()
    }

    async fn recording(&self) -> Recording {
        Recording::new(&*self.devices().await, || (request(), Some(auth()))).unwrap()
    }

    /// Records one request.
    async fn record(&self) -> Result<(), Fault> {
        self.recording().await.request("", now()).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789)
}

fn object(text: &str) -> Data<'static> {
    Data::Object(Cow::Owned(RawValue::from_string(text.to_owned()).unwrap()))
}

fn request() -> Request<'static> {
    static CLEAR: LazyLock<[String; 1]> = LazyLock::new(|| ["ttl".into()]);
    static HEADERS: LazyLock<[(String, String); 2]> =
        LazyLock::new(|| [("user-agent".into(), "curl".into()), ("cookie-ish".into(), "hidden".into())]);
    Request {
        id: "11111111-2222-4333-8444-555555555555".into(),
        operation: Some(Operation::Update),
        namespace: Namespace { id: "abcd1234".into(), path: "team/".into() },
        path: "pki/issue/web".into(),
        mount: Some(Mount {
            kind: "pki".into(),
            accessor: "pki_12345678".into(),
            class: "secret",
            point: "pki/".into(),
        }),
        data: object(r#"{"common_name":"a.example","ttl":"1h","count":3}"#),
        clear: &*CLEAR,
        client_token: Some(SecretString::from("hvs.secret")),
        client_token_accessor: "acc-1".into(),
        remote_address: "127.0.0.1".into(),
        remote_port: 4711,
        headers: &*HEADERS,
        ..Request::default()
    }
}

fn auth() -> Auth {
    Auth {
        client_token: Some(SecretString::from("hvs.secret")),
        accessor: "acc-1".into(),
        display_name: "userpass-ann".into(),
        policies: vec!["default".into(), "issuer".into()],
        decision: Some((true, vec![Policy { name: "issuer".into(), namespace: Namespace::default() }])),
        metadata: vec![("username".into(), "ann".into())],
        entity_id: "e-1".into(),
        token_type: "service".into(),
        token_ttl: 3600,
        token_issue_time: Some(now()),
        ..Auth::default()
    }
}

/// The entries of a file, without the one that tried the device out.
fn entries(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed.filter(|entry| entry["request"]["path"] != "sys/audit/test").collect()
}

async fn hash(house: &House, path: &str, text: &str) -> String {
    house.audit.hash(&mut house.store.begin().await.unwrap(), path, text).await.unwrap()
}
