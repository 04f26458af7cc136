//! Namespaces and mounts.
//!
//! **For:** the [`Tree`] of namespaces and their mounts, kept in storage and cached in memory, and [`Tree::resolve`],
//! which reads a path once and says where it leads. **Never:** decides who may go there, or runs what is there.
//! **In, out:** a namespace header and a path in, a [`Place`] out; changes go into the caller's transaction.
//! **Meet first:** [`Tenancy`], [`Tree`], [`Place`], [`Namespace`], [`Mount`]. **Errors:** [`Error`].
//!
//! The cache is versioned: every change writes a numbered note into the same transaction, and whoever sees a higher
//! number than its cache reads the notes it missed. So several nodes over one store agree without talking.
#![forbid(unsafe_code)]

mod cache;
mod error;
mod mount;
mod namespace;
mod powers;
mod sweep;
mod tree;
pub mod usage;

pub use cache::{Tenancy, found};
pub use error::Error;
pub use mount::{
    AUTH, ListingVisibility, Mount, MountConfig, Running, TokenType, UserLockout, drawer as mount_drawer, host_drawer,
    keys_drawer,
};
pub use namespace::{Namespace, drawer as namespace_drawer};
pub use powers::Powers;
pub use sweep::sweep;
pub use tree::{Place, Target, Tree};
