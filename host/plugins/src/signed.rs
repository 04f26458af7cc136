//! Which namespaces may run a component, by who signed it.
//!
//! A namespace that the operator named signers for, and each below it, runs what one of them signed, and built-in guests.
//! Who made a signature is found out from the bytes that the digest stands for; it is remembered by digest and signature,
//! which never mean anything else as long as the process, and so its configuration, is the same.

use std::sync::Arc;

use model::NamespacePath;
use quick_cache::sync::Cache;
use signatures::{Signature, Signers};
use storage::Transaction;

use crate::code::{self, apart};
use crate::{Catalog, Code, Error, Origins, Plugin, Source, registry};

/// How many signatures it is remembered of who made them.
const MADE_MAX: usize = 1024;

/// What is known of who made which signature, by digest and signature.
pub(crate) struct Made(Cache<String, Arc<Vec<String>>>);

impl Default for Made {
    fn default() -> Self {
        Self(Cache::new(MADE_MAX))
    }
}

fn key(sha256: &str, signature: &Signature) -> String {
    format!("{sha256} {}", signature.as_str())
}

impl Made {
    /// The names of those who made this signature over the component with this digest.
    async fn find(
        &self,
        transaction: &Transaction,
        origins: &Origins,
        sha256: &str,
        signature: Signature,
    ) -> Result<Arc<Vec<String>>, Error> {
        let key = key(sha256, &signature);
        let find = async {
            let bytes = code::bytes(transaction, origins, sha256).await?;
            let (_, made) = made(origins.signers.clone(), bytes, signature).await?;
            Ok::<_, Error>(made)
        };
        self.0.get_or_insert_async(key.as_str(), find).await
    }
}

async fn made(signers: Signers, bytes: Vec<u8>, signature: Signature) -> Result<(Vec<u8>, Arc<Vec<String>>), Error> {
    apart(move || {
        let made = Arc::new(signers.made(&bytes, &signature));
        (bytes, made)
    })
    .await
}

impl Catalog {
    /// Finds the signature that a component is registered with: the one that was sent, which must be good, or else the one
    /// that its artifact carries, if that is good. Refuses what the root namespace, where the catalog is, may not run.
    pub(crate) async fn vouched(
        &self,
        mut plugin: Plugin,
        carried: Option<String>,
        mut bytes: Vec<u8>,
    ) -> Result<(Plugin, Vec<u8>), Error> {
        let signers = &self.origins().signers;
        let sent = plugin.signature.take().filter(|sent| !sent.is_empty());
        if sent.is_some() && signers.is_empty() {
            let text = "the server's configuration has no plugin_signers that it could be checked against";
            return Err(Error::Signature(text.to_owned()));
        }
        let signature = match (&sent, &carried) {
            (Some(sent), _) => Some(Signature::read(sent).map_err(|error| Error::Signature(error.to_string()))?),
            (None, carried) => carried.as_ref().and_then(|carried| Signature::read(carried).ok()),
        };
        let mut names = Arc::default();
        if let Some(signature) = signature {
            (bytes, names) = made(signers.clone(), bytes, signature.clone()).await?;
            if names.is_empty() && sent.is_some() {
                let text = "it is not one that any of the plugin_signers made over this component";
                return Err(Error::Signature(text.to_owned()));
            }
            plugin.signature = (!names.is_empty()).then(|| signature.as_str().to_owned());
        }
        self.trusts(&NamespacePath::root(), &names, &plugin.title())?;
        Ok((plugin, bytes))
    }

    fn trusts(&self, namespace: &NamespacePath, made: &[String], plugin: &str) -> Result<(), Error> {
        let wanted = self.origins().signers.wanted(namespace);
        if wanted.is_empty() || made.iter().any(|name| wanted.contains(&name.as_str())) {
            return Ok(());
        }
        let (plugin, namespace) = (plugin.to_owned(), namespace.as_str().to_owned());
        Err(Error::Unsigned { plugin, namespace, wanted: wanted.join(" or ") })
    }

    async fn makers(&self, transaction: &Transaction, plugin: &Plugin) -> Result<Arc<Vec<String>>, Error> {
        let signature = plugin.signature.as_ref().and_then(|signature| Signature::read(signature).ok());
        match signature {
            Some(signature) => self.made().find(transaction, self.origins(), &plugin.sha256, signature).await,
            None => Ok(Arc::default()),
        }
    }

    /// Refuses a plugin that no signer of a namespace has signed.
    pub async fn admit(
        &self,
        transaction: &Transaction,
        namespace: &NamespacePath,
        plugin: &Plugin,
    ) -> Result<(), Error> {
        if self.origins().signers.wanted(namespace).is_empty() {
            return Ok(());
        }
        let made = self.makers(transaction, plugin).await?;
        self.trusts(namespace, &made, &plugin.title())
    }

    /// Refuses what a mount runs, if a namespace that the mount is to move to may not run it: some registered plugin with
    /// these bytes must be signed for it.
    pub async fn admit_running(
        &self,
        transaction: &mut Transaction,
        namespace: &NamespacePath,
        (kind, sha256): (&str, &str),
    ) -> Result<(), Error> {
        if self.origins().signers.wanted(namespace).is_empty() {
            return Ok(());
        }
        let same = registry::all(transaction).await?.into_iter().filter(|plugin| plugin.sha256 == sha256);
        for plugin in same {
            match self.admit(transaction, namespace, &plugin).await {
                Err(Error::Unsigned { .. }) => {}
                done => return done,
            }
        }
        self.trusts(namespace, &[], kind)
    }

    /// The names of those who signed a plugin. `None` where that is not known without pulling it again.
    pub async fn signed_by(
        &self,
        transaction: &Transaction,
        plugin: &Plugin,
        code: Option<&Code>,
    ) -> Option<Arc<Vec<String>>> {
        let far = code.is_none_or(|code| matches!(code.source, Source::Image { .. }));
        if far && let Some(signature) = &plugin.signature {
            let signature = Signature::read(signature).ok()?;
            return self.made().0.get(key(&plugin.sha256, &signature).as_str());
        }
        self.makers(transaction, plugin).await.ok()
    }
}
