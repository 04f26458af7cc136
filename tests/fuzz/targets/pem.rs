//! A bundle in PEM: what is read can be written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| pki::fuzzing::pem(text));
