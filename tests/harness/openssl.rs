//! What openssl says of certificates: another implementation's opinion of what the server made.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs openssl with this input; what it prints. The test fails if openssl does.
#[track_caller]
pub fn openssl(arguments: &[&str], input: impl AsRef<[u8]>) -> String {
    let (succeeded, said) = try_openssl(arguments, input);
    assert!(succeeded, "openssl {}: {said}", arguments.join(" "));
    said
}

/// The same where openssl may refuse: whether it was content, and what it printed.
pub fn try_openssl(arguments: &[&str], input: impl AsRef<[u8]>) -> (bool, String) {
    let piped = Stdio::piped;
    let command = Command::new("openssl").args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn();
    let mut process = command.expect("there is an openssl: run `make setup`");
    // It may end without reading everything.
    let _ = process.stdin.take().expect("its input is piped").write_all(input.as_ref());
    let output = process.wait_with_output().expect("openssl ends");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    (output.status.success(), said)
}
