//! Builds the guests that misbehave, so that tests can load what the server never brings.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "../guests/bundle/components.rs"]
mod components;

use components::{Failure, components};

/// The crates and their folders.
const GUESTS: [(&str, &str); 4] = [
    ("frozen", "tests/guests/frozen"),
    ("hostile", "tests/guests/hostile"),
    ("overreach", "tests/guests/overreach"),
    ("porter", "tests/guests/porter"),
];

fn main() -> Result<(), Failure> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().map(Path::to_path_buf).ok_or("the tests lie one folder below the workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for ((guest, _), component) in GUESTS.iter().zip(components(&root, &GUESTS)?) {
        fs::write(out.join(format!("{guest}.component.wasm")), component)?;
    }
    Ok(())
}
