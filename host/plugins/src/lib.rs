//! The catalog: which guests there are to be mounted.
//!
//! **For:** the built-in guests, and components that operators registered under a name, pinned by their digest: their
//! records, their code, who signed it, which version a mount gets, and the loaded guests themselves. **Never:** runs a guest for anybody,
//! or loads bytes whose digest is not the registered one. **In, out:** records and code in the caller's transaction; a
//! mount in, its [`sandbox::Guest`] out. **Meet first:** [`Catalog`], [`Plugin`], [`Code`]. **Errors:** [`Error`].
//!
//! A mount's own record holds the digest that it runs. So what runs is the same on all nodes, changes with the
//! transaction that changes the record and in no other moment, and requests under way finish with what they began with.
#![deny(unsafe_code)]

mod catalog;
mod code;
mod compiled;
mod directory;
mod error;
mod origins;
mod record;
mod registry;
mod signed;
mod version;

pub use catalog::{Catalog, Examined};
pub use code::{COMPONENT_MAX, Code, UPLOAD_MAX};
pub use compiled::Compiled;
pub use directory::Directory;
pub use error::Error;
pub use origins::Origins;
pub use record::{Plugin, Source};
pub use registry::{
    PLUGINS_MAX, all, find, keep_for, let_go_of, of, pin, pinned, pins, put, remove, resolve, tidy, unpin, versions,
};
pub use version::Version;
