//! A body: what the corridor takes for a JSON object is one for serde_json too, and with every name once.
#![no_main]

use serde_json::Value;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let read: Result<Value, _> = serde_json::from_slice(body);
    if gateway::check_json(body).is_ok() {
        assert!(read.is_ok_and(|value| value.is_object()), "the corridor takes what is no object");
    }
});
