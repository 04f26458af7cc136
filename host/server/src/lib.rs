//! The front door and the composition root.
//!
//! **For:** listeners, TLS and HTTP; reading the configuration; putting the rooms together ([`compose`]). **Never:**
//! decides about a request: it turns HTTP into an [`gateway::Arrival`] and an answer back into HTTP. **In, out:** bytes
//! of strangers, bounded everywhere. **Meet first:** [`compose`], [`listener::serve`], [`http`]. **Errors:** statuses are
//! chosen in one place, `http/status.rs`.

pub mod args;
pub mod compose;
pub mod config;
pub mod engine;
pub mod hardening;
pub mod http;
pub mod listener;
pub mod log;
pub mod observed;
pub mod runtime;
pub mod store;
pub mod tls;
