//! Where everything is kept.
//!
//! **For:** one [`Transaction`] per request, over any [`Driver`]: reads see one snapshot, writes are buffered, and all
//! of them are applied together or not at all. A [`Drawer`] is the part of the store that one owner can reach.
//! **Never:** knows what the values mean, or hands a key of one drawer to the holder of another.
//! **In, out:** relative keys and byte values in; the same out. **Meet first:** [`Store`], [`Transaction`],
//! [`Drawer`], [`Driver`], and [`archive`] for the whole store as one file. **Errors:** [`Error`]; [`Error::Conflict`] means: run the request again.
#![forbid(unsafe_code)]

pub mod archive;
pub mod barrier;
mod drawer;
mod driver;
mod error;
pub mod memory;
mod store;
mod transaction;
mod value;

pub use drawer::{Drawer, KEY_MAX};
pub use driver::{
    Batch, Driver, Expectation, LIST_LIMIT_MAX, Listing, Page, Record, Records, SCAN_BYTES_MAX, SCAN_KEYS_MAX, Snapshot,
};
pub use error::Error;
pub use store::Store;
pub use transaction::{TRANSACTION_BYTES_MAX, TRANSACTION_KEYS_MAX, TRANSACTION_READS_MAX, Transaction, VALUE_MAX};
pub use value::Value;
