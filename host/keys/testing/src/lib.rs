//! What drivers of keys are tested with.
//!
//! **For:** the tests of drivers and of the server: [`conformance`], one suite that every driver passes, and real homes of
//! keys that a test starts for itself. **Never:** part of a server. **Meet first:** [`conformance::Home`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up ends"
)]

pub mod azure;
pub mod conformance;
pub mod fakekms;
pub mod kryoptic;
pub mod localstack;
pub mod moto;
pub mod openssl;
pub mod peer;
pub mod softhsm;
pub mod tpm;
