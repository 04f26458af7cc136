//! Aliases: what an auth method calls somebody.

use std::collections::BTreeMap;

use model::{Fault, Id};
use serde::{Deserialize, Serialize};
use storage::Transaction;

use crate::Directory;
use crate::directory::{check_alias, check_metadata};

/// What one auth method calls somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Stays.
    pub id: Id,
    /// By this name the auth method knows them.
    pub name: String,
    /// The auth method.
    pub mount_accessor: String,
    /// The entity.
    pub canonical_id: Id,
    /// What the auth method said at the last login.
    pub metadata: BTreeMap<String, String>,
    /// What operators noted.
    pub custom_metadata: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub updated: u64,
}

impl Alias {
    /// A new alias, not yet written.
    pub fn new(id: Id, entity: Id, accessor: &str, name: &str, now: u64) -> Self {
        Self {
            record: 1,
            id,
            name: name.to_owned(),
            mount_accessor: accessor.to_owned(),
            canonical_id: entity,
            metadata: BTreeMap::new(),
            custom_metadata: BTreeMap::new(),
            created: now,
            updated: now,
        }
    }
}

impl Directory {
    /// The alias with this identifier.
    pub async fn alias(&self, tx: &mut Transaction, id: Id) -> Result<Option<Alias>, Fault> {
        self.read(tx, &format!("alias/{id}")).await
    }

    /// The alias of this name at an auth method.
    pub async fn alias_named(&self, tx: &mut Transaction, accessor: &str, name: &str) -> Result<Option<Alias>, Fault> {
        if check_alias(name, accessor).is_err() {
            return Ok(None);
        }
        match self.alias_in(tx, "alias-of", (accessor, name)).await? {
            Some(id) => self.alias(tx, id).await,
            None => Ok(None),
        }
    }

    /// Identifiers of all aliases, in order.
    pub async fn alias_ids(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "alias/").await
    }

    /// Writes an alias that is new or was changed, and enters it at its entity, which must be there. An entity has one
    /// alias for each auth method at most.
    pub async fn put_alias(&self, tx: &mut Transaction, alias: Alias) -> Result<Alias, Fault> {
        check_alias(&alias.name, &alias.mount_accessor)?;
        check_metadata("metadata", &alias.metadata)?;
        check_metadata("custom_metadata", &alias.custom_metadata)?;
        let named = (alias.mount_accessor.as_str(), alias.name.as_str());
        let key = self.alias_place(tx, "alias-of", named, alias.id).await?;
        let taken = || Fault::invalid("name: the auth method already knows another alias by this name");
        let key = key.ok_or_else(taken)?;
        let entity = self.entity(tx, alias.canonical_id).await?;
        let mut entity = entity.ok_or_else(|| Fault::invalid("canonical_id: no such entity"))?;
        if self.alias_at(tx, &entity, &alias.mount_accessor).await?.is_some_and(|other| other.id != alias.id) {
            return Err(Fault::invalid("canonical_id: the entity already has an alias of this auth method"));
        }
        if let Some(before) = self.alias(tx, alias.id).await? {
            self.forget_alias(tx, &before).await?;
            if before.canonical_id != alias.canonical_id {
                self.detach(tx, &before).await?;
            }
        }
        if !entity.aliases.contains(&alias.id) {
            entity.aliases.push(alias.id);
            entity.updated = alias.updated;
            self.write(tx, &format!("entity/{}", entity.id), &entity)?;
        }
        self.write(tx, &key, &alias.id)?;
        self.write(tx, &format!("alias/{}", alias.id), &alias)?;
        Ok(alias)
    }

    /// Removes an alias. Its entity stays.
    pub async fn delete_alias(&self, tx: &mut Transaction, id: Id) -> Result<(), Fault> {
        let Some(alias) = self.alias(tx, id).await? else { return Ok(()) };
        self.detach(tx, &alias).await?;
        self.forget_alias(tx, &alias).await
    }

    async fn detach(&self, tx: &mut Transaction, alias: &Alias) -> Result<(), Fault> {
        if let Some(mut entity) = self.entity(tx, alias.canonical_id).await? {
            entity.aliases.retain(|other| *other != alias.id);
            self.write(tx, &format!("entity/{}", entity.id), &entity)?;
        }
        Ok(())
    }
}
