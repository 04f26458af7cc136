//! `kms_library`: the PKCS#11 libraries that keys may be in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::NamespacePath;
pub use pkcs11::{Process, Settings};
use serde_json::{Map, Value};

use super::{Error, Reader};

/// Least address space that may be set as a bound: a process needs some to start.
const MEMORY_MIN: usize = 64 << 20;
/// Least number of descriptors that may be set as a bound.
const FILES_MIN: usize = 16;
/// Most variables, and longest text of one, in bytes.
const VARIABLES_MAX: usize = 64;
const TEXT_MAX: usize = 4096;

/// A PKCS#11 library. Users of the API name it; only who runs the server says where it lies.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its name, compared without regard to case.
    pub name: String,
    /// Absolute path of the module.
    pub path: PathBuf,
    /// Namespaces that may use it; `None` for all.
    pub namespaces: Option<Vec<NamespacePath>>,
    /// How it is run.
    pub settings: Settings,
}

impl Reader<'_> {
    /// Reads a stanza.
    pub(super) fn library(&mut self, body: &Map<String, Value>) -> Result<(), Error> {
        let mut library =
            Library { name: String::new(), path: PathBuf::new(), namespaces: None, settings: Settings::default() };
        for (key, value) in body {
            let settings = &mut library.settings;
            match key.as_str() {
                "name" => library.name = self.text("kms_library.name", value)?,
                "library" => library.path = PathBuf::from(self.text("kms_library.library", value)?),
                "namespaces" => library.namespaces = Some(self.namespaces("kms_library.namespaces", value)?),
                "process" => settings.process = self.process(value)?,
                "parameters" => settings.parameters = Some(self.short("kms_library.parameters", value)?),
                "keys_for_every_use" => {
                    settings.keys_for_every_use = self.truth("kms_library.keys_for_every_use", value)?;
                }
                "environment" => settings.environment = self.environment(value)?,
                "inherit_environment" => settings.inherit = self.inherited(value)?,
                "memory_max" => settings.bounds.memory = Some(self.bound("memory_max", value, MEMORY_MIN)?),
                "open_files_max" => settings.bounds.files = Some(self.bound("open_files_max", value, FILES_MIN)?),
                unknown => self.unknown(&format!("kms_library.{unknown}")),
            }
        }
        self.accept(library)
    }

    fn accept(&mut self, library: Library) -> Result<(), Error> {
        let Library { name, path, settings, .. } = &library;
        if model::name(name).is_err() {
            return Err(self.wrong("kms_library.name", "must be a name of letters, digits, '_', '-' and '.'"));
        }
        if !path.is_absolute() {
            return Err(self.wrong("kms_library.library", "must be the absolute path of a PKCS#11 module"));
        }
        let own = Settings {
            process: Process::InProcess,
            parameters: settings.parameters.clone(),
            keys_for_every_use: settings.keys_for_every_use,
            ..Settings::default()
        };
        if settings.process == Process::InProcess && *settings != own {
            let wanted = "must be \"worker\" where an environment or bounds are given: they are a process's own";
            return Err(self.wrong("kms_library.process", wanted));
        }
        for other in &self.config.libraries {
            if other.name.eq_ignore_ascii_case(name) {
                return Err(self.wrong("kms_library.name", format!("{name:?} is there twice")));
            }
            if file(&other.path) == file(path) && other.settings != *settings {
                let wanted = format!("{name:?} and {:?} are one file, which can be run in one way only", other.name);
                return Err(self.wrong("kms_library", wanted));
            }
        }
        self.config.libraries.push(library);
        Ok(())
    }

    fn process(&self, value: &Value) -> Result<Process, Error> {
        let told = self.one_of("kms_library.process", value, &["worker", "in-process"])?;
        Ok(if told == "worker" { Process::Worker } else { Process::InProcess })
    }

    fn environment(&self, value: &Value) -> Result<BTreeMap<String, String>, Error> {
        let key = "kms_library.environment";
        let Value::Object(variables) = value else {
            return Err(self.wrong(key, "must be a map of names to texts"));
        };
        if variables.len() > VARIABLES_MAX {
            return Err(self.wrong(key, format!("must have at most {VARIABLES_MAX} variables")));
        }
        let one = |(name, value): (&String, &Value)| Ok((self.variable(key, name)?, self.short(key, value)?));
        variables.iter().map(one).collect()
    }

    fn inherited(&self, value: &Value) -> Result<Vec<String>, Error> {
        let key = "kms_library.inherit_environment";
        let Some(names) = value.as_array().filter(|names| names.len() <= VARIABLES_MAX) else {
            return Err(self.wrong(key, format!("must be a list of at most {VARIABLES_MAX} names of variables")));
        };
        names.iter().map(|name| self.variable(key, name.as_str().unwrap_or_default())).collect()
    }

    fn variable(&self, key: &str, name: &str) -> Result<String, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=128).contains(&name.len()) && name.bytes().all(plain) {
            return Ok(name.to_owned());
        }
        Err(self.wrong(key, "must have names of letters, digits and '_'"))
    }

    fn short(&self, key: &str, value: &Value) -> Result<String, Error> {
        let text = self.text(key, value)?;
        if text.len() <= TEXT_MAX && !text.contains('\0') {
            return Ok(text);
        }
        Err(self.wrong(key, format!("must have at most {TEXT_MAX} bytes, and none of them 0")))
    }

    fn bound(&self, name: &str, value: &Value, least: usize) -> Result<u64, Error> {
        let key = format!("kms_library.{name}");
        match self.number(&key, value, 1 << 40)? {
            number if number < least => Err(self.wrong(key, format!("must be at least {least}"))),
            number => Ok(number as u64),
        }
    }
}

/// The file that a path leads to, if it is there.
fn file(path: &std::path::Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
