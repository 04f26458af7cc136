//! Black-box tests: one folder per question, one file per resource or claim. One binary, so that it links once.
#![allow(missing_docs, unreachable_pub, reason = "tests")]

#[path = "isolation/answers.rs"]
mod answers;
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
#[path = "isolation/limits.rs"]
mod limits;
#[path = "api/managed_keys.rs"]
mod managed_keys;
#[path = "api/mounts.rs"]
mod mounts;
#[path = "api/namespaces.rs"]
mod namespaces;
#[path = "api/status.rs"]
mod status;
#[path = "isolation/storage.rs"]
mod storage;
