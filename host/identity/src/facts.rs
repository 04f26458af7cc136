//! What is known of an entity when a request is decided on.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fault, Id};
use serde::Deserialize;
use storage::Transaction;

use crate::group::DEPTH_MAX;
use crate::{Alias, Directory, Entity};

/// What is asked of a group that an entity is in: its record without its members, who may be thousands.
#[derive(Clone, Debug, Deserialize)]
pub struct Membership {
    /// The group's identifier.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What its members may do.
    pub policies: Vec<String>,
    /// What operators noted.
    pub metadata: BTreeMap<String, String>,
}

/// An entity with all that policies and templates may ask of it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The entity itself.
    pub entity: Entity,
    /// What auth methods call it.
    pub aliases: Vec<Alias>,
    /// Groups that it is in, directly or through others.
    pub groups: BTreeMap<Id, Membership>,
    /// Policies of the entity and of its groups, each once, in order.
    pub policies: Vec<String>,
}

impl Directory {
    /// Groups that an entity is in itself.
    pub async fn groups_of(&self, tx: &mut Transaction, entity: Id) -> Result<Vec<Id>, Fault> {
        let names = self.names(tx, &format!("member/{entity}/")).await?;
        Ok(names.iter().filter_map(|name| Id::parse(name)).collect())
    }

    /// Groups that a group is in itself.
    pub async fn groups_above(&self, tx: &mut Transaction, group: Id) -> Result<Vec<Id>, Fault> {
        let names = self.names(tx, &format!("inside/{group}/")).await?;
        Ok(names.iter().filter_map(|name| Id::parse(name)).collect())
    }

    /// What is known of an entity; `None` when it is gone.
    pub async fn facts(&self, tx: &mut Transaction, id: Id) -> Result<Option<Facts>, Fault> {
        let Some(entity) = self.entity(tx, id).await? else { return Ok(None) };
        let mut aliases = Vec::with_capacity(entity.aliases.len());
        for alias in &entity.aliases {
            aliases.extend(self.alias(tx, *alias).await?);
        }
        let mut policies: BTreeSet<String> = entity.policies.iter().cloned().collect();
        let mut groups = BTreeMap::new();
        let mut level = self.groups_of(tx, id).await?;
        for _ in 0..=DEPTH_MAX {
            let mut above = Vec::new();
            for group in level {
                if groups.contains_key(&group) {
                    continue;
                }
                let found: Option<Membership> = self.read(tx, &format!("group/{group}")).await?;
                let Some(found) = found else { continue };
                policies.extend(found.policies.iter().cloned());
                groups.insert(group, found);
                above.extend(self.groups_above(tx, group).await?);
            }
            if above.is_empty() {
                break;
            }
            level = above;
        }
        Ok(Some(Facts { entity, aliases, groups, policies: policies.into_iter().collect() }))
    }
}
