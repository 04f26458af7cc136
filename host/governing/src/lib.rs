//! Policies that guests judge by, after the access control lists have allowed.
//!
//! **For:** endpoint governing policies (EGP), which lie on paths and on managed keys, and role governing policies (RGP), which
//! come with a token or an entity: their records, and which of them concern a request or the use of a key. **Never:** judges,
//! or knows what a policy's text means. **In, out:** records in the caller's transaction; a namespace in, its [`Set`] out.
//! **Meet first:** [`Policies`], [`Policy`], [`Set`]. **Errors:** [`model::Fault`].
//!
//! The words are those of Vault: `sys/policies/egp`, `sys/policies/rgp`, and the levels of enforcement.
#![forbid(unsafe_code)]

mod kept;
mod pattern;
mod policy;

pub use kept::Policies;
pub use policy::{Level, Policy, Set, Sort};

/// Longest text of a policy, in bytes.
pub const TEXT_MAX: usize = 64 << 10;
/// Longest name of a policy, in bytes.
pub const NAME_MAX: usize = 128;
/// Most policies of one sort in one namespace.
pub const POLICIES_MAX: usize = 256;
/// Most paths, and most names of keys, that one policy lies on.
pub const PLACES_MAX: usize = 128;
/// Longest path or name of a key that a policy lies on, in bytes.
pub const PLACE_MAX: usize = 1024;
/// Most time of a processor that a policy may ask for to be judged by, in milliseconds.
pub const CPU_TIME_MAX: u64 = 1000;
