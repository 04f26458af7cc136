//! A worker alone, as the server's binary is one: for the tests of this crate.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    pkcs11::worker(std::env::args_os()).unwrap_or(ExitCode::FAILURE)
}
