//! Puts what `innkeeper engine new` writes into the binary: the template, the SDK, and the contract.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Failure = Box<dyn std::error::Error>;

/// Where it lies in the repository, and where a new project has it.
const TREES: [(&str, &str); 4] = [
    ("guests/template", ""),
    ("guests/sdk/src", "sdk/src"),
    ("guests/sdk/Cargo.toml", "sdk/Cargo.toml"),
    ("wit", "sdk/wit"),
];

fn main() -> Result<(), Failure> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().and_then(Path::parent).ok_or("the server lies two folders below the workspace")?;
    let mut list = String::from("pub(super) const FILES: &[(&str, &str)] = &[\n");
    for (from, to) in TREES {
        println!("cargo::rerun-if-changed={}", root.join(from).display());
        add(&mut list, &root.join(from), to)?;
    }
    list.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("project.rs"), list)?;
    Ok(())
}

/// A file, or all files of a folder, in the order of their names.
fn add(list: &mut String, from: &Path, to: &str) -> Result<(), Failure> {
    if from.is_file() {
        writeln!(list, "({to:?}, include_str!({:?})),", from.display().to_string())?;
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(from)? {
        names.push(entry?.file_name().into_string().map_err(|_| "a name that is not UTF-8")?);
    }
    names.sort();
    // What whoever built the template in its place left behind.
    for name in names.iter().filter(|name| !matches!(name.as_str(), "target" | "Cargo.lock")) {
        let below = if to.is_empty() { name.clone() } else { format!("{to}/{name}") };
        add(list, &from.join(name), &below)?;
    }
    Ok(())
}
