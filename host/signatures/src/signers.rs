//! Who may sign for which namespaces.

use aws_lc_rs::signature::ParsedPublicKey;
use model::NamespacePath;

use crate::key::read;
use crate::{Signature, Unreadable};

/// Most signers.
pub const SIGNERS_MAX: usize = 100;
/// Most namespaces that one signer is named for.
pub const NAMESPACES_MAX: usize = 1000;

/// Who signs: a name, a public key, and the namespaces that want signatures of it.
#[derive(Clone, Debug)]
pub struct Signer {
    name: String,
    key: ParsedPublicKey,
    namespaces: Vec<NamespacePath>,
}

impl Signer {
    /// A signer by its public key in PEM. It signs for these namespaces and all below them.
    pub fn new(name: &str, key_pem: &str, namespaces: Vec<NamespacePath>) -> Result<Self, Unreadable> {
        Ok(Self { name: name.to_owned(), key: read(key_pem)?, namespaces })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it was named for this namespace or for one above it.
    fn signs_for(&self, namespace: &NamespacePath) -> bool {
        // Paths end in '/' and the root's is empty, so a prefix is always a whole namespace.
        self.namespaces.iter().any(|named| namespace.as_str().starts_with(named.as_str()))
    }
}

/// All signers. None: nothing has to be signed.
#[derive(Clone, Debug, Default)]
pub struct Signers(Vec<Signer>);

impl Signers {
    /// These signers, whose names the caller has found to differ.
    pub fn new(signers: Vec<Signer>) -> Self {
        Self(signers)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of those of whom one must have signed whatever a namespace runs. Empty: it may run what nobody signed.
    pub fn wanted(&self, namespace: &NamespacePath) -> Vec<&str> {
        self.0.iter().filter(|signer| signer.signs_for(namespace)).map(Signer::name).collect()
    }

    /// The names of those whose key made this signature over this component. Takes as long as hashing it once or twice for
    /// each signer: not for a thread that must not block.
    pub fn made(&self, component: &[u8], signature: &Signature) -> Vec<String> {
        let made = |signer: &&Signer| signer.key.verify_sig(component, signature.bytes()).is_ok();
        self.0.iter().filter(made).map(|signer| signer.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
