//! Builds the built-in guests and compiles them to native code with the host's own settings, so that the server compiles
//! nothing when it starts.

use std::path::{Path, PathBuf};
use std::{env, fs};

mod components;
#[path = "../../host/sandbox/src/tuning.rs"]
#[allow(dead_code, unreachable_pub, reason = "the build needs only the settings")]
mod tuning;

use components::{Failure, components};

/// The crates to bundle and their folders; each becomes a constant of src/lib.rs.
const GUESTS: [(&str, &str); 11] = [
    ("approle", "guests/approle"),
    ("cert", "guests/cert"),
    ("echo", "guests/echo"),
    ("jwt", "guests/jwt"),
    ("kubernetes", "guests/kubernetes"),
    ("kv", "guests/kv"),
    ("pki", "guests/pki"),
    ("policy-cel", "guests/cel"),
    ("policy-rego", "guests/rego"),
    ("signer", "guests/signer"),
    ("userpass", "guests/userpass"),
];

fn main() -> Result<(), Failure> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().and_then(Path::parent).ok_or("the bundle lies two folders below the workspace")?;
    println!("cargo::rerun-if-changed={}", root.join("host/sandbox/src/tuning.rs").display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let engine = wasmtime::Engine::new(&tuning::config())?;
    for ((guest, _), component) in GUESTS.iter().zip(components(root, &GUESTS)?) {
        fs::write(out.join(format!("{guest}.component.wasm")), &component)?;
        fs::write(out.join(format!("{guest}.cwasm")), engine.precompile_component(&component)?)?;
    }
    Ok(())
}
