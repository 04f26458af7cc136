//! Builds guests for wasm32-unknown-unknown and makes components of them.
//!
//! A part of build scripts: of this crate's own for the guests that the server brings, and of the tests' for those that
//! it must never bring.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

pub(crate) type Failure = Box<dyn std::error::Error>;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "guest";

/// The components of these packages of the workspace, in order. The calling script runs again when one of the folders
/// changes, or anything that all guests are made of.
pub(crate) fn components(root: &Path, guests: &[(&str, &str)]) -> Result<Vec<Vec<u8>>, Failure> {
    let shared = [
        "wit",
        "guests/sdk",
        "guests/formats",
        "guests/bundle/components.rs",
        "Cargo.lock",
        "Cargo.toml",
        ".cargo/config.toml",
    ];
    for watched in shared.into_iter().chain(guests.iter().map(|(_, folder)| *folder)) {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let modules = build(root, guests)?;
    let component = |(package, _): &(&str, &str)| -> Result<Vec<u8>, Failure> {
        let module = fs::read(modules.join(format!("{}.wasm", package.replace('-', "_"))))?;
        Ok(wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?)
    };
    guests.iter().map(component).collect()
}

/// Runs cargo in a target folder that all guests share: the outer cargo holds the lock of its own.
fn build(root: &Path, guests: &[(&str, &str)]) -> Result<PathBuf, Failure> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // OUT_DIR is <target>/<profile>/build/<crate>/out: the guests go beside the profile.
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not where it used to be")?.join("guests");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(&target);
    for (package, _) in guests {
        cargo.args(["--package", package]);
    }
    // What the outer cargo set for the host must not reach the guests: flags, and a linter in rustc's place.
    for inherited in
        ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        cargo.env_remove(inherited);
    }
    let result = cargo.output()?;
    if !result.status.success() {
        let reason = String::from_utf8_lossy(&result.stderr);
        return Err(format!(
            "building the guests failed (is the target there? `rustup target add {TARGET}`):\n{reason}"
        )
        .into());
    }
    Ok(target.join(TARGET).join(PROFILE))
}
