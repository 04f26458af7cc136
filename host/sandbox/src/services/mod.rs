//! What a guest may ask: one file per interface of the contract.

mod clock;
pub(crate) mod convert;
mod http_out;
pub(crate) mod keys;
mod log;
mod passwords;
mod random;
mod storage;
mod types;
pub(crate) mod wasi;
