//! A public key and a signature of strangers, in DER: a verdict or a refusal.
#![no_main]

use keys::{Curve, Hash, Input, Scheme, key_type_of, verify};

libfuzzer_sys::fuzz_target!(|parts: (&[u8], &[u8])| {
    let (key, signature) = parts;
    let _ = key_type_of(key);
    let schemes = [Scheme::Pkcs1v15(Hash::Sha256), Scheme::Pss(Hash::Sha384), Scheme::Ed25519];
    for scheme in schemes.into_iter().chain(Scheme::ecdsa_on(Curve::P256)) {
        if let Ok(verdict) = verify(key, scheme, Input::Message(b"message"), signature) {
            assert!(!verdict, "a signature out of nothing verifies");
        }
    }
});
