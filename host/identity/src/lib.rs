//! Who somebody is, whichever way they logged in.
//!
//! **For:** the [`Directory`] of a namespace: entities, the aliases by which auth methods know them, and groups.
//! **Never:** decides what anybody may do, or checks a credential. **In, out:** an [`Arriving`] login in, the entity's
//! identifier out; an identifier in, the [`Facts`] out that policies and templates are read with. **Meet first:**
//! [`Directory`], [`Entity`], [`Facts`]. **Errors:** [`model::Fault`].
//!
//! Everything lies in the namespace's own drawer. Names of aliases come from outside and may hold anything: they are
//! found by their hash.
#![forbid(unsafe_code)]

mod alias;
mod directory;
mod entity;
mod facts;
mod group;
mod login;

pub use alias::Alias;
pub use directory::{Directory, METADATA_MAX, NAME_MAX, POLICIES_MAX, TEXT_MAX};
pub use entity::Entity;
pub use facts::{Facts, Membership};
pub use group::{Group, GroupAlias};
pub use login::Arriving;

#[cfg(test)]
mod tests;
