//! Questions to other servers.
//!
//! **For:** what auth methods must ask elsewhere: the keys that sign a token, whether a token is still good. **Never:**
//! asks a host that the operator did not allow, an address inside the network that a stranger's name leads to, follows a
//! redirect, or goes through a proxy. **In, out:** a [`Question`] in, an [`Answer`] out, both bounded. **Meet first:**
//! [`Outgoing`], [`Allowed`], [`Terms`]. **Errors:** [`Failure`]; its text names the host, never a header or a body.
#![forbid(unsafe_code)]

mod address;
mod allowed;
mod client;
mod failure;
mod terms;

pub use allowed::{Allowed, Unreadable};
pub use client::{
    ANSWER_MAX, Answer, CA_CERTIFICATES_MAX, CA_PEM_MAX, HEADERS_MAX, Method, Outgoing, Question, TIME_MAX, URL_MAX,
    check_authorities,
};
pub use failure::{Failure, Reason};
pub use terms::Terms;
