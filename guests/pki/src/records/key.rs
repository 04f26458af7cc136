//! Keys of the mount: names and places of keys, never a private byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{KEY_NAMES, KeyDefaults, load, names, new_id, save};
use crate::x509::key::{KeyShape, PublicKey};

/// Where a key lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Home {
    /// In the host's drawer for this mount, under this id.
    Internal(String),
    /// In an HSM or a KMS.
    Managed {
        /// Its name when it was taken into use.
        name: String,
        /// Its identity, which outlives renames.
        uuid: String,
    },
}

/// What signing needs to know of a key: part of the issuer's record too, so that issuing reads one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyLink {
    /// The key's id in this mount.
    pub(crate) id: String,
    /// Kind and size.
    pub(crate) shape: KeyShape,
    /// Where it lives.
    pub(crate) home: Home,
}

impl KeyLink {
    /// Opens the key.
    pub(crate) fn open(&self) -> Result<Key, Fault> {
        match &self.home {
            Home::Internal(id) => Ok(keys::open(id)?),
            Home::Managed { uuid, .. } => Ok(keys::managed(uuid)?),
        }
    }
}

/// `keys/<id>`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// How to use it.
    #[serde(flatten)]
    pub(crate) link: KeyLink,
    /// Its name, or nothing.
    pub(crate) name: String,
    /// SubjectPublicKeyInfo, base64 of DER: what matches certificates to keys.
    pub(crate) public: String,
    /// The key's identifier in hex.
    pub(crate) identifier: String,
}

impl KeyRecord {
    /// A record for a key that the host keeps or lends.
    pub(crate) fn new(key: &Key, public: &PublicKey, name: &str) -> Result<Self, Fault> {
        let home = match (key.managed(), key.id()) {
            (Some(managed), _) => Home::Managed { name: managed.name, uuid: managed.uuid },
            (None, Some(id)) => Home::Internal(id),
            (None, None) => return Err(Fault::internal("a key to be kept has no id")),
        };
        Ok(Self {
            link: KeyLink { id: new_id(), shape: public.shape, home },
            name: name.to_owned(),
            public: STANDARD.encode(&public.der),
            identifier: hex::encode(public.identifier),
        })
    }

    pub(crate) fn load(id: &str) -> Result<Option<Self>, Fault> {
        load(&format!("keys/{id}"))
    }

    /// Writes the record and its name. A name that it had before must be removed with [`Self::release_name`].
    pub(crate) fn save(&self) -> Result<(), Fault> {
        KEY_NAMES.take(&self.name, &self.link.id)?;
        save(&format!("keys/{}", self.link.id), self)
    }

    /// Removes the record, its name, and the key itself if the host keeps it.
    pub(crate) fn delete(&self) -> Result<(), Fault> {
        self.release_name()?;
        storage::delete(&format!("keys/{}", self.link.id))?;
        if let Home::Internal(_) = self.link.home
            && let Ok(key) = self.link.open()
        {
            key.delete()?;
        }
        Ok(())
    }

    /// Whether this is the managed key of this name or UUID.
    pub(crate) fn is_managed_by(&self, reference: &str) -> bool {
        matches!(&self.link.home, Home::Managed { name, uuid } if name == reference || uuid == reference)
    }

    /// Frees the name for another key.
    pub(crate) fn release_name(&self) -> Result<(), Fault> {
        KEY_NAMES.release(&self.name)
    }

    /// All keys of the mount.
    pub(crate) fn all() -> Result<Vec<Self>, Fault> {
        let mut all = Vec::new();
        for id in names("keys/")? {
            all.extend(Self::load(&id)?);
        }
        Ok(all)
    }

    /// The key that holds this public key.
    pub(crate) fn by_public(public: &PublicKey) -> Result<Option<Self>, Fault> {
        let wanted = STANDARD.encode(&public.der);
        Ok(Self::all()?.into_iter().find(|key| key.public == wanted))
    }

    /// The key that an id, a name or `default` stands for.
    pub(crate) fn find(reference: &str) -> Result<Option<Self>, Fault> {
        let id = match reference {
            "default" => Some(KeyDefaults::load()?.default).filter(|id| !id.is_empty()),
            other => KEY_NAMES.id_of(other)?,
        };
        id.map_or(Ok(None), |id| Self::load(&id))
    }

    /// The same, or the words of the reference.
    pub(crate) fn resolve(reference: &str) -> Result<Self, Fault> {
        Self::find(reference)?
            .ok_or_else(|| Fault::invalid(format!("unable to find PKI key for reference: {reference}")))
    }

    /// Checks that a name can be given to a new key.
    pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
        KEY_NAMES.check(name)
    }

    /// Makes this key the default if there is none.
    pub(crate) fn default_if_first(&self) -> Result<(), Fault> {
        let mut defaults = KeyDefaults::load()?;
        if defaults.default.is_empty() {
            defaults.default.clone_from(&self.link.id);
            defaults.save()?;
        }
        Ok(())
    }
}
