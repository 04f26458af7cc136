//! Formats of others that more than one guest reads.
//!
//! For: PEM, names of signature algorithms, signed tokens and the public keys that they are verified with, patterns with
//! `*`. Never: storage, policy, or what belongs to one guest only. In, out: bytes and text from outside, plain values
//! out; what is malformed is a [`innkeeper_guest::Fault`] that a client may read, or `None`.
//! Meet first: [`pem::decode`], [`algorithm::scheme`], [`jws::Jws`], [`public_key::PublicKey`].

pub mod algorithm;
pub mod glob;
pub mod jws;
pub mod pem;
pub mod public_key;
