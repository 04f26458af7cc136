//! The shared store: tables in a PostgreSQL database, for servers of which there are several.
//!
//! **For:** a [`storage::Driver`] that any number of nodes open at once: what one commits, the next snapshot on every
//! other sees. **Never:** keeps a connection while nothing is asked; answers `Ok` to a commit that it does not know to be
//! applied; applies one twice; lets the password or a value into errors or logs.
//! **In, out:** [`Settings`] in, [`Postgresql`] out. **Errors:** [`Error`] when opening; afterwards
//! [`storage::Error::Unavailable`] while the database does not answer, and it goes on by itself when it does.
//!
//! How it works is in the README beside this crate.
#![forbid(unsafe_code)]

mod address;
mod ask;
mod collector;
mod committer;
mod driver;
mod error;
mod group;
mod links;
mod numbers;
mod page;
mod parameters;
mod replace;
mod schema;
mod settings;
mod snapshot;
mod statements;
mod tls;
mod transaction;

pub use driver::Postgresql;
pub use error::Error;
pub use settings::{CONNECT_TIMEOUT, MAX_PARALLEL, RETENTION, Settings, TABLE};
