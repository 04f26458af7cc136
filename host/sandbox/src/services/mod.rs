//! What a guest may ask: one file per interface of the contract.

mod clock;
pub(crate) mod convert;
pub(crate) mod keys;
mod log;
mod random;
mod storage;
mod types;
