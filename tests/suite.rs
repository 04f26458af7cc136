//! Black-box tests: one folder per question, one file per resource or claim. One binary, so that it links once.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: what cannot go on should say so and stop"
)]

#[path = "isolation/answers.rs"]
mod answers;
#[path = "api/auth.rs"]
mod auth;
#[path = "api/connections.rs"]
mod connections;
#[path = "isolation/contract.rs"]
mod contract;
#[path = "api/door.rs"]
mod door;
#[path = "isolation/hostile.rs"]
mod hostile;
#[path = "isolation/keys.rs"]
mod keys;
#[path = "api/kv.rs"]
mod kv;
#[path = "isolation/lent_keys.rs"]
mod lent_keys;
#[path = "isolation/limits.rs"]
mod limits;
#[path = "api/managed_keys.rs"]
mod managed_keys;
#[path = "api/mounts.rs"]
mod mounts;
#[path = "api/namespaces.rs"]
mod namespaces;
#[path = "api/remount.rs"]
mod remount;
#[path = "api/startup.rs"]
mod startup;
#[path = "api/status.rs"]
mod status;
#[path = "clients/stock.rs"]
mod stock;
#[path = "api/stop.rs"]
mod stop;
#[path = "isolation/storage.rs"]
mod storage;
#[path = "api/tls.rs"]
mod tls;
