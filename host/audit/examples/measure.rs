//! How many requests a second are recorded, each with its answer: one after the other, and by many at once.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should say so and stop, and prints what it found"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audit::{Answer, Audit, Auth, Data, Devices, Recording, Request, Wanted};
use model::Operation;
use serde_json::value::RawValue;
use storage::Store;
use storage::memory::Memory;

const ROUND: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() {
    let file = std::env::temp_dir().join(format!("innkeeper-audit-measure-{}", std::process::id()));
    for (what, path) in [("file", file.to_str().unwrap()), ("discard", "discard")] {
        let store = Store::new(Memory::new());
        let audit = Audit::new();
        let options = BTreeMap::from([("file_path".to_owned(), path.to_owned())]);
        let wanted = Wanted { kind: "file".into(), options, ..Wanted::default() };
        let mut transaction = store.begin().await.unwrap();
        audit.enable(&mut transaction, "measured", wanted, SystemTime::now()).await.unwrap();
        transaction.commit().await.unwrap();
        let devices = audit.devices(&store.begin().await.unwrap()).await.unwrap();
        for clients in [1, 16] {
            println!(
                "{what:>8}, {clients:2} at once: {:8.0} requests and answers a second",
                rate(&devices, clients).await
            );
        }
    }
    let _ = std::fs::remove_file(&file);
}

async fn rate(devices: &Arc<Devices>, clients: usize) -> f64 {
    let began = Instant::now();
    let tasks: Vec<_> = (0..clients).map(|_| tokio::spawn(client(Arc::clone(devices), began + ROUND))).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

async fn client(devices: Arc<Devices>, until: Instant) -> u32 {
    let mut done = 0;
    while Instant::now() < until {
        let recording = Recording::new(&devices, || (request(), Some(auth()))).unwrap();
        recording.request("", SystemTime::now()).await.unwrap();
        let data = object(r#"{"certificate":"-----BEGIN CERTIFICATE-----","serial_number":"01:02","expiration":1}"#);
        recording.response(&Answer { data, ..Answer::default() }, "", SystemTime::now()).await.unwrap();
        done += 1;
    }
    done
}

fn object(text: &str) -> Data<'static> {
    Data::Object(Cow::Owned(RawValue::from_string(text.to_owned()).unwrap()))
}

fn request() -> Request<'static> {
    Request {
        id: "11111111-2222-4333-8444-555555555555".into(),
        operation: Some(Operation::Update),
        path: "pki/issue/web".into(),
        data: object(r#"{"common_name":"a.example","ttl":"1h"}"#),
        client_token: Some("hvs.secret".to_owned().into()),
        client_token_accessor: "accessor".into(),
        remote_address: "127.0.0.1".into(),
        remote_port: 4711,
        ..Request::default()
    }
}

fn auth() -> Auth {
    Auth {
        client_token: Some("hvs.secret".to_owned().into()),
        accessor: "accessor".into(),
        display_name: "root".into(),
        policies: vec!["root".into()],
        ..Auth::default()
    }
}
