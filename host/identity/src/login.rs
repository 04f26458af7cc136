//! What a login does to the directory.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fault, Id, Kind};
use storage::Transaction;

use crate::directory::{TEXT_MAX, check_alias};
use crate::{Alias, Directory, Entity};

/// Most groups that an auth method may name at one login.
const GROUPS_MAX: usize = 1000;

/// Somebody who logged in.
#[derive(Clone, Debug)]
pub struct Arriving<'a> {
    /// The auth method.
    pub accessor: &'a str,
    /// What the auth method calls them.
    pub name: &'a str,
    /// What it says of them.
    pub metadata: &'a BTreeMap<String, String>,
    /// The groups that it says they are in.
    pub groups: &'a [String],
    /// Identifiers for an entity and an alias, should they be new.
    pub fresh: [Id; 2],
    /// Seconds since 1970.
    pub now: u64,
}

impl Directory {
    /// The entity of somebody who logged in: a new one at their first login. What the auth method says of them is kept,
    /// and their places in external groups follow what it says.
    pub async fn login(&self, tx: &mut Transaction, arriving: &Arriving<'_>) -> Result<Id, Fault> {
        check_alias(arriving.name, arriving.accessor)?;
        let entity = match self.alias_named(tx, arriving.accessor, arriving.name).await? {
            Some(alias) => {
                let id = alias.canonical_id;
                if alias.metadata != *arriving.metadata {
                    let metadata = arriving.metadata.clone();
                    self.put_alias(tx, Alias { metadata, updated: arriving.now, ..alias }).await?;
                }
                id
            }
            None => self.welcome(tx, arriving).await?,
        };
        let found = self.entity(tx, entity).await?.ok_or_else(|| Fault::internal("an alias of no entity"))?;
        if found.disabled {
            return Err(Fault::new(Kind::Denied, "permission denied").detail("the entity is disabled"));
        }
        self.follow_groups(tx, entity, arriving).await?;
        Ok(entity)
    }

    async fn welcome(&self, tx: &mut Transaction, arriving: &Arriving<'_>) -> Result<Id, Fault> {
        let [entity, alias] = arriving.fresh;
        self.put_entity(tx, Entity::new(entity, None, arriving.now)).await?;
        let mut alias = Alias::new(alias, entity, arriving.accessor, arriving.name, arriving.now);
        alias.metadata.clone_from(arriving.metadata);
        self.put_alias(tx, alias).await?;
        Ok(entity)
    }

    async fn follow_groups(&self, tx: &mut Transaction, entity: Id, arriving: &Arriving<'_>) -> Result<(), Fault> {
        if arriving.groups.len() > GROUPS_MAX {
            return Err(Fault::invalid("the auth method names more than 1000 groups"));
        }
        let mut said = BTreeSet::new();
        for name in arriving.groups.iter().filter(|name| name.len() <= TEXT_MAX) {
            if let Some(group) = self.group_by_alias(tx, arriving.accessor, name).await? {
                said.insert(group.id);
            }
        }
        for name in self.names(tx, &format!("member/{entity}/")).await? {
            let Some(id) = Id::parse(&name) else { continue };
            if said.remove(&id) {
                continue;
            }
            let group = self.group(tx, id).await?;
            let ours =
                group.and_then(|group| group.alias).is_some_and(|alias| alias.mount_accessor == arriving.accessor);
            if ours {
                self.leave(tx, id, entity).await?;
            }
        }
        for group in said {
            self.join(tx, group, entity).await?;
        }
        Ok(())
    }
}
