//! Builds the guests that misbehave, so that tests can load what the server never brings.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "../guests/bundle/components.rs"]
mod components;

use components::{Failure, components};

fn main() -> Result<(), Failure> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().map(Path::to_path_buf).ok_or("the tests lie one folder below the workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for component in components(&root, &[("hostile", "tests/guests/hostile")])? {
        fs::write(out.join("hostile.component.wasm"), component)?;
    }
    Ok(())
}
