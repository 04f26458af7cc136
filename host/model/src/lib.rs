//! The words that two or more rooms share.
//!
//! **For:** newtypes that prove a path or a name was validated, and the closed sets (operations, kinds of error)
//! that rooms pass to each other. **Never:** I/O, a runtime, or anything that only one room needs. **In, out:** text in,
//! validated values or an [`Invalid`] out. **Meet first:** [`Kind`], [`Operation`], [`NamespacePath`],
//! [`MountPath`], [`Reply`], [`Fault`]. **Errors:** [`Invalid`], which says what was wrong and what would be right.
#![forbid(unsafe_code)]

mod auth;
mod chunks;
mod class;
pub mod envelope;
mod id;
mod kind;
mod operation;
mod path;
mod plugin_type;
mod reply;

pub use auth::{Auth, LeaseInfo, TokenKind, WrapInfo};
pub use chunks::{Chunks, Stream};
pub use class::MountClass;
pub use id::Id;
pub use kind::Kind;
pub use operation::Operation;
pub use path::{Invalid, MountPath, NAME_MAX, NamespacePath, PATH_MAX, name, relative_path};
pub use plugin_type::PluginType;
pub use reply::{Fault, Payload, Reply};
