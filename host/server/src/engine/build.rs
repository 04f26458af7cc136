//! `engine build`.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{Error, component};

/// What guests are compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Builds a project and makes a component of it.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Where to put the component: NAME.wasm in the project's folder by default.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<bool, Error> {
        let (path, component) = build(&self.path, self.output.as_deref())?;
        writeln!(out, "{}", path.display())?;
        writeln!(out, "  {} bytes", component.len())?;
        writeln!(out, "  sha256 {}", component::sha256(&component))?;
        Ok(true)
    }
}

/// Builds a project. Answers the component and the file that it was put into.
pub(super) fn build(project: &Path, output: Option<&Path>) -> Result<(PathBuf, Vec<u8>), Error> {
    let folder = project.canonicalize().map_err(Error::file(project))?;
    let built = cargo(&folder)?;
    let module = fs::read(&built.module).map_err(Error::file(&built.module))?;
    let component = component::encode(&module).map_err(Error::Wrong)?;
    let usual = || project.join(format!("{}.wasm", built.name.replace('_', "-")));
    let path = output.map_or_else(usual, Path::to_owned);
    put(&path, &component)?;
    Ok((path, component))
}

/// What cargo made.
struct Built {
    name: String,
    module: PathBuf,
}

/// A message of cargo, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Made>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    crate_types: Vec<String>,
}

/// Runs cargo, which says itself on standard error what it does and what is wrong with the code.
fn cargo(folder: &Path) -> Result<Built, Error> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        let text = format!("{}: there is no Cargo.toml: name the folder of a project", folder.display());
        return Err(Error::Wrong(text));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    // Flags for programs of this machine would stand in the place of the project's own for the target.
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(flags);
    }
    let mut process = cargo.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::Wrong("there is no cargo: install Rust, https://rustup.rs says how".to_owned()),
        _ => Error::Wrong(format!("cargo: {error}")),
    })?;
    let mut built = None;
    if let Some(said) = process.stdout.take() {
        for line in BufReader::new(said).lines() {
            built = module(&line.map_err(|error| Error::Wrong(format!("cargo: {error}")))?, &manifest).or(built);
        }
    }
    let ended = process.wait().map_err(|error| Error::Wrong(format!("cargo: {error}")))?;
    if !ended.success() {
        return Err(Error::Wrong(format!("cargo failed. Is the target there? `rustup target add {TARGET}` brings it")));
    }
    let wanted = "the project makes no module: its Cargo.toml must say `crate-type = [\"cdylib\"]` under [lib]";
    built.ok_or_else(|| Error::Wrong(wanted.to_owned()))
}

/// The module that a message tells of, if it is this project's.
fn module(line: &str, manifest: &Path) -> Option<Built> {
    let message: Message = serde_json::from_str(line).ok()?;
    let made = message.target.filter(|made| made.crate_types.iter().any(|sort| sort == "cdylib"))?;
    let ours = message.reason == "compiler-artifact" && message.manifest_path.as_deref() == Some(manifest);
    let module = message.filenames.into_iter().find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
    ours.then_some(Built { name: made.name, module })
}

/// Writes a file that is there as a whole or not at all: somebody may be watching it.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = Error::file(path);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
    file.write_all(bytes).map_err(&failed)?;
    // Others may read it, as they may read what cargo writes.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(&failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"my_engine",
        "crate_types":["cdylib","rlib"]},"filenames":["/t/libmy_engine.rlib","/t/my_engine.wasm"],"fresh":true}"#;

    #[test]
    fn the_module_of_the_project_is_found_among_what_cargo_says() {
        let found = module(MESSAGE, Path::new("/p/Cargo.toml")).unwrap();
        assert_eq!((found.name.as_str(), found.module.as_path()), ("my_engine", Path::new("/t/my_engine.wasm")));
        assert!(module(MESSAGE, Path::new("/other/Cargo.toml")).is_none(), "a dependency's");
        assert!(module(&MESSAGE.replace("\"cdylib\",", ""), Path::new("/p/Cargo.toml")).is_none());
        assert!(module("not json", Path::new("/p/Cargo.toml")).is_none());
    }
}
