//! Walks with hvac, a stock client: scripts in Python that lie in `tests/clients`.

use std::path::Path;
use std::process::Command;

/// Runs one of these scripts with more environment variables; what it prints. The test fails if the script does.
#[track_caller]
pub fn walk(script: &str, environment: &[(&str, &str)]) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.with_file_name(".venv").join("bin/python");
    assert!(python.is_file(), "there is no {}: run `make setup`", python.display());
    let mut command = Command::new(python);
    command.arg(tests.join("clients").join(script)).envs(environment.iter().copied());
    let walked = command.output().expect("there is a Python");
    let said = String::from_utf8_lossy(&walked.stdout).into_owned();
    assert!(walked.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&walked.stderr));
    said
}
