//! `engine new`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Error;

include!(concat!(env!("OUT_DIR"), "/project.rs"));

/// The name that stands in the template for the engine's.
const PLACEHOLDER: &str = "my-engine";
/// The dependency of the template on the copy of the SDK that lies in the project.
const OWN_SDK: &str = "path = \"sdk\"";
/// The contract there.
const OWN_CONTRACT: &str = "path = \"sdk/wit\"";
/// Longest name, in bytes.
const NAME_MAX: usize = 63;
/// What no crate can be called, because the language has the word for itself.
const WORDS: [&str; 49] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "use",
    "while",
];

/// Begins an engine.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Its name, [a-z][a-z0-9-]{0,62}: that of the folder, of the crate, and the type of its mounts.
    pub name: String,
    /// The language.
    #[arg(long, default_value = "rust")]
    pub lang: String,
    /// Depends on the SDK in this folder, instead of a copy in the project.
    #[arg(long, value_name = "FOLDER")]
    pub sdk: Option<PathBuf>,
}

impl New {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<bool, Error> {
        check_language(&self.lang)?;
        check_name(&self.name)?;
        let sdk = self.sdk.as_deref().map(find_sdk).transpose()?;
        let folder = Path::new(&self.name);
        make(folder, &self.name, sdk.as_deref())?;
        let name = &self.name;
        writeln!(
            out,
            "Made {name}/ with an engine that keeps notes and signs them. README.md there names every command.\n\n  \
             cd {name}\n  \
             innkeeper engine build                    # wants the target: rustup target add wasm32-unknown-unknown\n  \
             innkeeper engine test {name}.wasm -requests=requests.json\n  \
             innkeeper engine dev {name}.wasm"
        )?;
        Ok(true)
    }
}

fn check_language(lang: &str) -> Result<(), Error> {
    if lang == "rust" {
        return Ok(());
    }
    let text = format!(
        "lang: {lang:?} has no template: only rust has. Any language that makes components can be used: guests/examples \
         shows some, and `innkeeper engine inspect`, `test` and `dev` take what they make"
    );
    Err(Error::Wrong(text))
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.len() > NAME_MAX || !name.bytes().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Error::Wrong("name: must be [a-z][a-z0-9-]{0,62}, for instance greeter".to_owned()));
    }
    if WORDS.contains(&name) || name == "sdk" || name == "innkeeper-guest" {
        return Err(Error::Wrong(format!("name: {name:?} is taken: no crate can be called so; choose another")));
    }
    Ok(())
}

/// The SDK that the user names, by its full path.
fn find_sdk(folder: &Path) -> Result<String, Error> {
    let folder = folder.canonicalize().map_err(Error::file(folder))?;
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(Error::file(&manifest))?;
    if !text.contains("name = \"innkeeper-guest\"") || !folder.join("wit").is_dir() {
        let wanted = "sdk: must be the folder of the crate innkeeper-guest, guests/sdk in the repository";
        return Err(Error::Wrong(wanted.to_owned()));
    }
    match folder.to_str().filter(|path| !path.contains(['"', '\\', '\n'])) {
        Some(path) => Ok(path.to_owned()),
        None => Err(Error::Wrong("sdk: the path has characters that a manifest cannot hold".to_owned())),
    }
}

/// Makes the folder, which must not be there, with all files; or leaves nothing.
fn make(folder: &Path, name: &str, sdk: Option<&str>) -> Result<(), Error> {
    // Fails where anything of this name is there: nothing is ever overwritten.
    fs::create_dir(folder).map_err(Error::file(folder))?;
    let filled = fill(folder, name, sdk);
    if filled.is_err() {
        let _ = fs::remove_dir_all(folder);
    }
    filled
}

fn fill(folder: &Path, name: &str, sdk: Option<&str>) -> Result<(), Error> {
    for (file, text) in FILES {
        let own = file.starts_with("sdk/");
        if own && sdk.is_some() {
            continue;
        }
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::file(parent))?;
        }
        let text = if own { (*text).to_owned() } else { named(text, name, sdk) };
        fs::write(&path, text).map_err(Error::file(&path))?;
    }
    Ok(())
}

fn named(text: &str, name: &str, sdk: Option<&str>) -> String {
    let text = text.replace(PLACEHOLDER, name);
    match sdk {
        None => text,
        Some(sdk) => {
            text.replace(OWN_SDK, &format!("path = \"{sdk}\"")).replace(OWN_CONTRACT, &format!("path = \"{sdk}/wit\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_mount_types_that_crates_can_have() {
        for fine in ["a", "greeter", "my-own-2"] {
            assert!(check_name(fine).is_ok(), "{fine}");
        }
        let long = "a".repeat(64);
        for bad in ["", "A", "2a", "-a", "a_b", "a/b", "../a", "a b", "fn", "std", "sdk", &long] {
            let said = check_name(bad).unwrap_err().to_string();
            assert!(said.starts_with("name: "), "{bad}: {said}");
        }
    }

    #[test]
    fn another_language_is_refused_and_told_where_to_look() {
        let said = check_language("go").unwrap_err().to_string();
        assert!(said.contains("lang: \"go\"") && said.contains("guests/examples"), "{said}");
    }

    #[test]
    fn a_project_is_whole_and_never_written_over_another() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("greeter");
        make(&folder, "greeter", None).unwrap();
        for file in [
            "Cargo.toml",
            ".cargo/config.toml",
            "src/lib.rs",
            "README.md",
            "requests.json",
            "sdk/src/lib.rs",
            "sdk/Cargo.toml",
            "sdk/wit/world.wit",
        ] {
            assert!(folder.join(file).is_file(), "{file}");
        }
        let text = fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert!(text.contains("NAME: &'static str = \"greeter\"") && !text.contains(PLACEHOLDER));
        fs::write(folder.join("src/lib.rs"), "mine").unwrap();
        assert!(make(&folder, "greeter", None).is_err());
        assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), "mine");
    }

    #[test]
    fn a_project_may_depend_on_the_sdk_where_it_lies() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("greeter");
        make(&folder, "greeter", Some("/the/sdk")).unwrap();
        assert!(!folder.join("sdk").exists());
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("path = \"/the/sdk\"") && manifest.contains("path = \"/the/sdk/wit\""), "{manifest}");
        assert!(find_sdk(home.path()).is_err());
    }
}
