//! Damaged bytes, for tests of everything that reads what strangers send.

use std::process::Command;

/// What openssl makes.
pub(crate) fn from_openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().expect("there is an openssl: run `make setup`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The bytes, cut off at each place.
pub(crate) fn truncations(whole: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..whole.len()).map(|length| &whole[..length])
}

/// The bytes with one of them changed, each in several ways.
pub(crate) fn flips(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..whole.len()).flat_map(|at| [0x01, 0x20, 0x80, 0xFF].map(|mask| (at, mask))).map(|(at, mask)| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= mask;
        bytes
    })
}
