//! A file of the configuration, as HCL and as JSON: it is taken, or refused in one line.
#![no_main]

use std::path::Path;

use server::config::Config;

libfuzzer_sys::fuzz_target!(|text: &str| {
    // Whoever names a device as a certificate's file gets what it gives: not the reader's matter.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    for file in ["a.hcl", "a.json"] {
        if let Err(error) = Config::default().add(Path::new(file), text) {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
});
