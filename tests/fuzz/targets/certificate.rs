//! A certificate in DER: read, or refused in words.
#![no_main]

libfuzzer_sys::fuzz_target!(|der: &[u8]| pki::fuzzing::certificate(der));
