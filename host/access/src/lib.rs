//! Who may do what.
//!
//! **For:** [`Tokens`], which find out who asks, [`admit`], which decides whether they may, and [`policy`], what policies
//! permit. **Never:** does what
//! was asked, or keeps a token: only a keyed hash of it is stored. **In, out:** a token in, a [`Principal`] out; a
//! principal and the demands of a route in, [`Admitted`] out. An [`Admitted`] cannot be made anywhere else.
//! **Meet first:** [`Principal`], [`NewToken`], [`Demands`], [`Admitted`]. **Errors:** [`Denied`], [`model::Fault`].
#![forbid(unsafe_code)]

mod decision;
pub mod policy;
mod tokens;

pub use decision::{Admitted, Asking, Demands, Denied, admit, admit_unjudged, enter};
pub use tokens::{Login, NewToken, Principal, ROOT_TOKEN_LEN, Record, TOKEN_MAX, Tokens, Use, cidr, cubbyhole, ttl};
