//! Entities: somebody, whichever way they logged in.

use std::collections::BTreeMap;

use model::{Fault, Id};
use serde::{Deserialize, Serialize};
use storage::Transaction;

use crate::directory::{check_metadata, check_name, check_policies, name_key};
use crate::{Alias, Directory};

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Stays.
    pub id: Id,
    /// Unique in the namespace, whatever its case.
    pub name: String,
    /// What operators noted.
    pub metadata: BTreeMap<String, String>,
    /// What this somebody may do in addition to what their token says.
    pub policies: Vec<String>,
    /// May not do anything.
    pub disabled: bool,
    /// At most one for each auth method.
    pub aliases: Vec<Id>,
    /// Entities that were merged into this one.
    pub merged: Vec<Id>,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub updated: u64,
}

impl Entity {
    /// A new entity, not yet written. Without a name it gets one of its own.
    pub fn new(id: Id, name: Option<&str>, now: u64) -> Self {
        let name = name.map_or_else(|| format!("entity_{}", id.short()), str::to_owned);
        Self {
            record: 1,
            id,
            name,
            metadata: BTreeMap::new(),
            policies: Vec::new(),
            disabled: false,
            aliases: Vec::new(),
            merged: Vec::new(),
            created: now,
            updated: now,
        }
    }
}

impl Directory {
    /// The entity with this identifier.
    pub async fn entity(&self, tx: &mut Transaction, id: Id) -> Result<Option<Entity>, Fault> {
        self.read(tx, &format!("entity/{id}")).await
    }

    /// The entity of this name.
    pub async fn entity_by_name(&self, tx: &mut Transaction, name: &str) -> Result<Option<Entity>, Fault> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        match self.found(tx, &name_key("entity-name", name)).await? {
            Some(id) => self.entity(tx, id).await,
            None => Ok(None),
        }
    }

    /// Identifiers of all entities, in order.
    pub async fn entity_ids(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "entity/").await
    }

    /// Names of all entities, in order and in lower case.
    pub async fn entity_names(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "entity-name/").await
    }

    /// Writes an entity that is new or was changed.
    pub async fn put_entity(&self, tx: &mut Transaction, mut entity: Entity) -> Result<Entity, Fault> {
        check_name(&entity.name)?;
        check_metadata("metadata", &entity.metadata)?;
        entity.policies = check_policies(entity.policies)?;
        let name = name_key("entity-name", &entity.name);
        match self.found(tx, &name).await? {
            Some(other) if other != entity.id => {
                return Err(Fault::invalid("name: another entity has this name"));
            }
            Some(_) => {}
            None => self.write(tx, &name, &entity.id)?,
        }
        if let Some(before) = self.entity(tx, entity.id).await?
            && name_key("entity-name", &before.name) != name
        {
            self.remove(tx, &name_key("entity-name", &before.name))?;
        }
        self.write(tx, &format!("entity/{}", entity.id), &entity)?;
        Ok(entity)
    }

    /// Removes an entity, its aliases and its place in groups.
    pub async fn delete_entity(&self, tx: &mut Transaction, id: Id) -> Result<(), Fault> {
        let Some(entity) = self.entity(tx, id).await? else { return Ok(()) };
        for alias in &entity.aliases {
            if let Some(alias) = self.alias(tx, *alias).await? {
                self.forget_alias(tx, &alias).await?;
            }
        }
        for group in self.names(tx, &format!("member/{id}/")).await? {
            if let Some(group) = Id::parse(&group) {
                self.leave(tx, group, id).await?;
            }
        }
        self.remove(tx, &name_key("entity-name", &entity.name))?;
        self.remove(tx, &format!("entity/{id}"))
    }

    /// Merges entities into one: it takes over their aliases, policies, metadata and places in groups.
    pub async fn merge(&self, tx: &mut Transaction, into: Id, from: &[Id], now: u64) -> Result<(), Fault> {
        let mut kept = self.entity(tx, into).await?.ok_or_else(|| Fault::invalid("to_entity_id: no such entity"))?;
        for id in from {
            if *id == into {
                return Err(Fault::invalid("from_entity_ids: to_entity_id should not be present in from_entity_ids"));
            }
            let gone = self.entity(tx, *id).await?;
            let gone = gone.ok_or_else(|| Fault::invalid("from_entity_ids: no such entity"))?;
            for alias in &gone.aliases {
                let Some(mut alias) = self.alias(tx, *alias).await? else { continue };
                if self.alias_at(tx, &kept, &alias.mount_accessor).await?.is_some() {
                    return Err(Fault::invalid(format!(
                        "from_entity_ids: both have an alias of {}; delete one first",
                        alias.mount_accessor
                    )));
                }
                alias.canonical_id = into;
                kept.aliases.push(alias.id);
                self.write(tx, &format!("alias/{}", alias.id), &alias)?;
            }
            kept.policies.extend(gone.policies.iter().cloned());
            for (name, value) in &gone.metadata {
                kept.metadata.entry(name.clone()).or_insert_with(|| value.clone());
            }
            kept.merged.push(*id);
            self.take_places(tx, *id, into).await?;
            let bare = Entity { aliases: Vec::new(), ..gone };
            self.write(tx, &format!("entity/{id}"), &bare)?;
            self.delete_entity(tx, *id).await?;
        }
        kept.updated = now;
        self.put_entity(tx, kept).await.map(drop)
    }

    async fn take_places(&self, tx: &mut Transaction, from: Id, into: Id) -> Result<(), Fault> {
        for group in self.names(tx, &format!("member/{from}/")).await? {
            let Some(id) = Id::parse(&group) else { continue };
            self.leave(tx, id, from).await?;
            self.join(tx, id, into).await?;
        }
        Ok(())
    }

    /// The alias that an entity has at an auth method.
    pub(crate) async fn alias_at(
        &self,
        tx: &mut Transaction,
        entity: &Entity,
        accessor: &str,
    ) -> Result<Option<Alias>, Fault> {
        for id in &entity.aliases {
            if let Some(alias) = self.alias(tx, *id).await?
                && alias.mount_accessor == accessor
            {
                return Ok(Some(alias));
            }
        }
        Ok(None)
    }

    pub(crate) async fn forget_alias(&self, tx: &mut Transaction, alias: &Alias) -> Result<(), Fault> {
        self.forget_in(tx, "alias-of", (&alias.mount_accessor, &alias.name), alias.id).await?;
        self.remove(tx, &format!("alias/{}", alias.id))
    }
}
