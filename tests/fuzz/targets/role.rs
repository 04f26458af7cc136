//! A role as clients send it: taken with everything filled in, or refused in words.
#![no_main]

libfuzzer_sys::fuzz_target!(|json: &str| pki::fuzzing::role(json));
