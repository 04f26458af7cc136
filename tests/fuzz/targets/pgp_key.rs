//! A PGP key of an operator: taken, and then encrypted to, or refused in words that name its place.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seal::{PGP_KEY_MAX, Recipient};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for text in [String::from_utf8_lossy(bytes).into_owned(), STANDARD.encode(bytes)] {
        match Recipient::parse("pgp_keys: entry 1", &text) {
            Ok(recipient) => assert!(!recipient.fingerprint().is_empty() && bytes.len() <= 2 * PGP_KEY_MAX),
            Err(error) => assert!(error.to_string().starts_with("pgp_keys: entry 1: ")),
        }
    }
});
