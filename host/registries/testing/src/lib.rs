//! Starts registries for tests, and pushes components to them.
//!
//! **For:** a [`DockerRegistry`] of one's own, on a free port of 127.0.0.1, with its files in a temporary folder; what is
//! pushed there is an [`Artifact`]. It ends when the value is dropped, or else when the process of the test ends. **Never:**
//! touches a registry of the machine; needs only its program (Debian: `docker-registry`). **Errors:** panics with what was
//! missing; it is for tests only.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for tests only")]

mod artifact;
mod server;

pub use artifact::Artifact;
pub use server::{ACCOUNT, DockerRegistry};
