//! Builds the built-in guests for wasm32-unknown-unknown, makes components of them, and compiles those to native code
//! with the host's own settings, so that the server compiles nothing when it starts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[path = "../../host/sandbox/src/tuning.rs"]
#[allow(dead_code, unreachable_pub, reason = "the build needs only the settings")]
mod tuning;

/// The crates to bundle; each becomes a constant of src/lib.rs.
const GUESTS: [&str; 1] = ["echo"];
const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "guest";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().and_then(Path::parent).ok_or("the bundle lies two folders below the workspace")?;
    for watched in ["wit", "guests/sdk", "Cargo.lock", "Cargo.toml", "host/sandbox/src/tuning.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for guest in GUESTS {
        println!("cargo::rerun-if-changed={}", root.join("guests").join(guest).display());
    }
    let modules = build(root)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let engine = wasmtime::Engine::new(&tuning::config())?;
    for guest in GUESTS {
        let module = fs::read(modules.join(format!("{guest}.wasm")))?;
        let component = wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?;
        fs::write(out.join(format!("{guest}.component.wasm")), &component)?;
        fs::write(out.join(format!("{guest}.cwasm")), engine.precompile_component(&component)?)?;
    }
    Ok(())
}

/// Runs cargo for the guests in a target folder of their own: the outer cargo holds the lock of the other one.
fn build(root: &Path) -> Result<PathBuf, Failure> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // OUT_DIR is <target>/<profile>/build/<crate>/out: the guests go beside the profile.
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not where it used to be")?.join("guests");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(&target);
    for guest in GUESTS {
        cargo.args(["--package", guest]);
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
