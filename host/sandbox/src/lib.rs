//! The only room that knows wasmtime.
//!
//! **For:** running guests: each request in a fresh instance, with the memory, time and powers of its [`Grant`] and no
//! more. **Never:** HTTP, or a guest with a power that is not in `wit/`. **In, out:** a [`Call`] and a [`Grant`] in; an
//! [`Answered`] with the request's transaction out, for the corridor to commit or drop. **Meet first:** [`Sandbox`],
//! [`Guest`], [`Descriptor`], [`Grant`]. **Errors:** [`LoadError`] when a component is refused; an engine's own refusal
//! and a trap are both a [`model::Fault`], and leave nothing written.

mod aside;
mod bindings;
mod descriptor;
mod engine;
mod entry;
mod error;
mod grant;
mod guest;
mod habit;
mod in_place;
mod invoke;
mod limits;
mod login;
mod policy;
mod services;
mod shape;
mod state;
pub mod tuning;

pub use descriptor::{Action, Descriptor, Field, FieldKind, Matched, Route};
pub use engine::{Loaded, Sandbox};
pub use error::LoadError;
pub use grant::{Call, Caller, Grant, Lent, Limits, RawBody, Refusals};
pub use guest::Guest;
pub use invoke::{Answered, Refusal};
pub use limits::*;
pub use login::{Attempt, Login, TokenKind, TokenWishes};
pub use policy::{PolicyGuest, Unjudged, Verdict, judging};
pub use tuning::MEMORY_MAX;
