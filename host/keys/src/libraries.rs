//! The PKCS#11 libraries that this node may load, by name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use model::NamespacePath;

use crate::Error;

/// One `kms_library` stanza of the server's configuration.
#[derive(Clone, Debug)]
pub struct Library {
    /// What managed keys call it; read without regard to case.
    pub name: String,
    /// The vendor's module, an absolute path.
    pub path: PathBuf,
    /// The namespaces that may use it; `None` for all of them.
    pub namespaces: Option<Vec<NamespacePath>>,
}

/// The table of libraries of this node. Users choose among names: only the operator's file can make the server load
/// code.
#[derive(Debug, Default)]
pub struct Libraries(HashMap<String, Library>);

impl Libraries {
    /// A table. Two stanzas of one name, an empty name and a relative path are refused.
    pub fn new(libraries: impl IntoIterator<Item = Library>) -> Result<Self, Error> {
        let mut table = HashMap::new();
        for library in libraries {
            let name = library.name.to_ascii_lowercase();
            if name.is_empty() {
                return Err(Error::invalid("kms_library: name must not be empty"));
            }
            if !library.path.is_absolute() {
                return Err(Error::invalid(format!("kms_library {name:?}: library must be an absolute path")));
            }
            if table.insert(name.clone(), library).is_some() {
                return Err(Error::invalid(format!(
                    "kms_library {name:?}: the name is given twice; names must be unique"
                )));
            }
        }
        Ok(Self(table))
    }

    /// The library of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&Library> {
        self.0.get(&name.to_ascii_lowercase())
    }

    /// The path of a library.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.get(name).map(|library| library.path.as_path())
    }

    /// Whether a library exists and is open to a namespace.
    pub fn is_open(&self, name: &str, namespace: &NamespacePath) -> bool {
        self.get(name)
            .is_some_and(|library| library.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(namespace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, namespaces: Option<&[&str]>) -> Library {
        let namespaces = namespaces.map(|all| all.iter().map(|path| NamespacePath::parse(path).unwrap()).collect());
        Library { name: name.into(), path: "/usr/lib/x.so".into(), namespaces }
    }

    #[test]
    fn a_library_is_found_in_any_case_and_named_once() {
        let table = Libraries::new([library("HSM1", None)]).unwrap();
        assert!(table.get("hsm1").is_some() && table.get("Hsm1").is_some());
        assert!(table.get("hsm2").is_none());
        assert!(Libraries::new([library("a", None), library("A", None)]).is_err());
    }

    #[test]
    fn a_library_with_a_list_of_namespaces_is_closed_to_all_others() {
        let table = Libraries::new([library("h", Some(&["a/b"]))]).unwrap();
        assert!(table.is_open("h", &NamespacePath::parse("a/b").unwrap()));
        assert!(!table.is_open("h", &NamespacePath::parse("a").unwrap()));
        assert!(!table.is_open("h", &NamespacePath::root()));
        assert!(!table.is_open("other", &NamespacePath::root()));
    }

    #[test]
    fn a_relative_path_is_refused() {
        let relative = Library { path: "x.so".into(), ..library("h", None) };
        assert!(Libraries::new([relative]).is_err());
    }
}
