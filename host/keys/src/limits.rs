//! What namespaces may register: which types of keys, which libraries.

use std::collections::HashMap;
use std::sync::Arc;

use model::NamespacePath;

use crate::{Error, Libraries, Provider, ProviderType};

/// The operator's limits, from the node's configuration.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    libraries: Arc<Libraries>,
    /// The namespaces that a type is open to; a type that is not in it is open to all.
    types: HashMap<ProviderType, Vec<NamespacePath>>,
}

impl Limits {
    /// The limits of a node. A type that is not among `types` is open to every namespace; one that is, to those that it
    /// lists and no others.
    pub fn new(libraries: Arc<Libraries>, types: impl IntoIterator<Item = (ProviderType, Vec<NamespacePath>)>) -> Self {
        Self { libraries, types: types.into_iter().collect() }
    }

    /// Refuses a provider that a namespace may not register.
    pub(crate) fn check(&self, provider: &Provider, namespace: &NamespacePath) -> Result<(), Error> {
        let kind = provider.kind();
        if !self.is_open(kind, namespace) {
            return Err(Error::invalid(format!(
                "type: keys of type {} are not open to this namespace; the node's configuration says which are",
                kind.name()
            )));
        }
        let Some(library) = provider.library() else { return Ok(()) };
        if self.libraries.get(library).is_none() {
            return Err(Error::invalid(format!(
                "library: no kms_library of the name {library:?} is configured on this node"
            )));
        }
        if !self.libraries.is_open(library, namespace) {
            return Err(Error::invalid(format!("library: {library:?} is not open to this namespace")));
        }
        Ok(())
    }

    /// Refuses the use of a key whose type or library was closed to its namespace since it was registered.
    pub(crate) fn check_use(&self, key: &str, provider: &Provider, namespace: &NamespacePath) -> Result<(), Error> {
        let closed = |library: &str| Error::LibraryClosed { key: key.to_owned(), library: library.to_owned() };
        if !self.is_open(provider.kind(), namespace) {
            return Err(closed(provider.kind().name()));
        }
        match provider.library() {
            Some(library) if !self.libraries.is_open(library, namespace) => Err(closed(library)),
            _ => Ok(()),
        }
    }

    fn is_open(&self, kind: ProviderType, namespace: &NamespacePath) -> bool {
        self.types.get(&kind).is_none_or(|namespaces| namespaces.contains(namespace))
    }
}
