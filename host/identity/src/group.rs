//! Groups of entities and of groups.

use std::collections::{BTreeMap, BTreeSet};

use model::{Fault, Id};
use serde::{Deserialize, Serialize};
use storage::Transaction;

use crate::Directory;
use crate::directory::{check_alias, check_metadata, check_name, check_policies, name_key};

/// Most members of a group, entities and groups together: each has a record of its own, and one request writes them all.
const MEMBERS_MAX: usize = 9_000;
/// Deepest nesting of groups.
pub(crate) const DEPTH_MAX: usize = 16;

/// Several entities that share policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Stays.
    pub id: Id,
    /// Unique in the namespace, whatever its case.
    pub name: String,
    /// Its members are those whom an auth method says to be in it.
    pub external: bool,
    /// What its members may do.
    pub policies: Vec<String>,
    /// What operators noted.
    pub metadata: BTreeMap<String, String>,
    /// Entities in it.
    pub member_entity_ids: BTreeSet<Id>,
    /// Groups in it: their members are members.
    pub member_group_ids: BTreeSet<Id>,
    /// What an auth method calls an external group.
    pub alias: Option<GroupAlias>,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub updated: u64,
}

/// What an auth method calls an external group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAlias {
    /// Stays.
    pub id: Id,
    /// The auth method's name of the group.
    pub name: String,
    /// The auth method.
    pub mount_accessor: String,
}

impl Group {
    /// A new group, not yet written. Without a name it gets one of its own.
    pub fn new(id: Id, name: Option<&str>, now: u64) -> Self {
        Self {
            record: 1,
            id,
            name: name.map_or_else(|| format!("group_{}", id.short()), str::to_owned),
            external: false,
            policies: Vec::new(),
            metadata: BTreeMap::new(),
            member_entity_ids: BTreeSet::new(),
            member_group_ids: BTreeSet::new(),
            alias: None,
            created: now,
            updated: now,
        }
    }
}

impl Directory {
    /// The group with this identifier.
    pub async fn group(&self, tx: &mut Transaction, id: Id) -> Result<Option<Group>, Fault> {
        self.read(tx, &format!("group/{id}")).await
    }

    /// The group of this name.
    pub async fn group_by_name(&self, tx: &mut Transaction, name: &str) -> Result<Option<Group>, Fault> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        match self.found(tx, &name_key("group-name", name)).await? {
            Some(id) => self.group(tx, id).await,
            None => Ok(None),
        }
    }

    /// The external group that an auth method calls so.
    pub async fn group_by_alias(
        &self,
        tx: &mut Transaction,
        accessor: &str,
        name: &str,
    ) -> Result<Option<Group>, Fault> {
        if check_alias(name, accessor).is_err() {
            return Ok(None);
        }
        match self.alias_in(tx, "group-alias-of", (accessor, name)).await? {
            Some(id) => self.group(tx, id).await,
            None => Ok(None),
        }
    }

    /// The external group whose alias has this identifier.
    pub async fn group_of_alias(&self, tx: &mut Transaction, alias: Id) -> Result<Option<Group>, Fault> {
        match self.found(tx, &format!("group-alias/{alias}")).await? {
            Some(id) => self.group(tx, id).await,
            None => Ok(None),
        }
    }

    /// Identifiers of all groups, in order.
    pub async fn group_ids(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "group/").await
    }

    /// Names of all groups, in order and in lower case.
    pub async fn group_names(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "group-name/").await
    }

    /// Identifiers of all aliases of groups, in order.
    pub async fn group_alias_ids(&self, tx: &mut Transaction) -> Result<Vec<String>, Fault> {
        self.names(tx, "group-alias/").await
    }

    /// Writes a group that is new or was changed.
    pub async fn put_group(&self, tx: &mut Transaction, mut group: Group) -> Result<Group, Fault> {
        group.policies = check_policies(group.policies)?;
        self.check(tx, &group).await?;
        let alias_at = match &group.alias {
            Some(alias) => {
                let named = (alias.mount_accessor.as_str(), alias.name.as_str());
                let place = self.alias_place(tx, "group-alias-of", named, group.id).await?;
                let taken = || Fault::invalid("name: the auth method already knows another group by this name");
                Some(place.ok_or_else(taken)?)
            }
            None => None,
        };
        let before = self.group(tx, group.id).await?;
        if let Some(before) = &before {
            self.unindex(tx, before).await?;
        }
        let name = name_key("group-name", &group.name);
        if self.found(tx, &name).await?.is_some_and(|other| other != group.id) {
            return Err(Fault::invalid("name: another group has this name"));
        }
        self.write(tx, &name, &group.id)?;
        for entity in &group.member_entity_ids {
            self.write(tx, &format!("member/{entity}/{}", group.id), &())?;
        }
        for inner in &group.member_group_ids {
            self.write(tx, &format!("inside/{inner}/{}", group.id), &())?;
        }
        if let Some((key, alias)) = alias_at.zip(group.alias.as_ref()) {
            self.write(tx, &key, &group.id)?;
            self.write(tx, &format!("group-alias/{}", alias.id), &group.id)?;
        }
        self.write(tx, &format!("group/{}", group.id), &group)?;
        Ok(group)
    }

    async fn check(&self, tx: &mut Transaction, group: &Group) -> Result<(), Fault> {
        check_name(&group.name)?;
        check_metadata("metadata", &group.metadata)?;
        if group.member_entity_ids.len() + group.member_group_ids.len() > MEMBERS_MAX {
            return Err(Fault::invalid("member_entity_ids: a group has at most 9000 members"));
        }
        if let Some(alias) = &group.alias {
            check_alias(&alias.name, &alias.mount_accessor)?;
            if !group.external {
                return Err(Fault::invalid("type: only external groups have aliases"));
            }
        }
        for entity in &group.member_entity_ids {
            if self.entity(tx, *entity).await?.is_none() {
                return Err(Fault::invalid("member_entity_ids: names an entity that is not there"));
            }
        }
        for inner in &group.member_group_ids {
            if self.group(tx, *inner).await?.is_none() {
                return Err(Fault::invalid("member_group_ids: names a group that is not there"));
            }
        }
        self.refuse_cycles(tx, group).await
    }

    /// No group may contain itself, at any depth.
    async fn refuse_cycles(&self, tx: &mut Transaction, group: &Group) -> Result<(), Fault> {
        let mut level: BTreeSet<Id> = group.member_group_ids.clone();
        for _ in 0..DEPTH_MAX {
            if level.contains(&group.id) {
                return Err(Fault::invalid("member_group_ids: the group would contain itself"));
            }
            let mut deeper = BTreeSet::new();
            for inner in level {
                deeper.extend(self.group(tx, inner).await?.map(|group| group.member_group_ids).unwrap_or_default());
            }
            if deeper.is_empty() {
                return Ok(());
            }
            level = deeper;
        }
        Err(Fault::invalid("member_group_ids: groups nest at most 16 deep"))
    }

    /// Removes a group; its members stay.
    pub async fn delete_group(&self, tx: &mut Transaction, id: Id) -> Result<(), Fault> {
        let Some(group) = self.group(tx, id).await? else { return Ok(()) };
        self.unindex(tx, &group).await?;
        for above in self.names(tx, &format!("inside/{id}/")).await? {
            let Some(above) = Id::parse(&above) else { continue };
            if let Some(mut group) = self.group(tx, above).await? {
                group.member_group_ids.remove(&id);
                self.write(tx, &format!("group/{above}"), &group)?;
            }
            self.remove(tx, &format!("inside/{id}/{above}"))?;
        }
        self.remove(tx, &format!("group/{id}"))
    }

    async fn unindex(&self, tx: &mut Transaction, group: &Group) -> Result<(), Fault> {
        self.remove(tx, &name_key("group-name", &group.name))?;
        for entity in &group.member_entity_ids {
            self.remove(tx, &format!("member/{entity}/{}", group.id))?;
        }
        for inner in &group.member_group_ids {
            self.remove(tx, &format!("inside/{inner}/{}", group.id))?;
        }
        if let Some(alias) = &group.alias {
            self.forget_in(tx, "group-alias-of", (&alias.mount_accessor, &alias.name), group.id).await?;
            self.remove(tx, &format!("group-alias/{}", alias.id))?;
        }
        Ok(())
    }

    pub(crate) async fn join(&self, tx: &mut Transaction, group: Id, entity: Id) -> Result<(), Fault> {
        let Some(mut joined) = self.group(tx, group).await? else { return Ok(()) };
        if joined.member_entity_ids.len() + joined.member_group_ids.len() >= MEMBERS_MAX {
            return Err(Fault::invalid("the group has 9000 members already"));
        }
        if joined.member_entity_ids.insert(entity) {
            self.write(tx, &format!("member/{entity}/{group}"), &())?;
            self.write(tx, &format!("group/{group}"), &joined)?;
        }
        Ok(())
    }

    pub(crate) async fn leave(&self, tx: &mut Transaction, group: Id, entity: Id) -> Result<(), Fault> {
        self.remove(tx, &format!("member/{entity}/{group}"))?;
        let Some(mut left) = self.group(tx, group).await? else { return Ok(()) };
        if left.member_entity_ids.remove(&entity) {
            self.write(tx, &format!("group/{group}"), &left)?;
        }
        Ok(())
    }
}
