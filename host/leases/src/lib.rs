//! What was given for a time and must be taken back.
//!
//! **For:** [`Lease`], the record of a token or a secret that ends, and [`Leases`], which keeps them so that the next to
//! end is found by one step of an ordered listing, however many there are. **Never:** takes anything back itself, knows
//! a token (only its key, a hash), or holds a lease in memory: a node that starts goes on where any other stopped.
//! **In, out:** a caller's transaction and a lease in; leases out, by id, by time, by token, by path. **Meet first:**
//! [`Lease`], [`Held`], [`Leases`]. **Errors:** [`Error`].
#![forbid(unsafe_code)]

mod counter;
mod error;
mod keys;
mod lease;
mod shelf;
mod sweep;
#[cfg(test)]
mod tests;

pub use counter::Counter;
pub use error::Error;
pub use keys::{ID_MAX, namespace_of};
pub use lease::{Held, Lease, NewLease};
pub use shelf::{Leases, PAGE_MAX};
pub use sweep::Sweep;
