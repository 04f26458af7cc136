//! Who a policy with templates speaks of.

use std::collections::BTreeMap;

use model::Id;

/// What is known of the one who asks: what templates in policies put in. The default knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The entity's identifier; empty if there is no entity.
    pub entity_id: String,
    /// The entity's name.
    pub name: String,
    /// The entity's metadata.
    pub metadata: BTreeMap<String, String>,
    /// The entity's aliases by the accessors of their mounts.
    pub aliases: BTreeMap<String, Alias>,
    /// The groups that the entity is in.
    pub groups: Vec<Group>,
}

/// The name of an entity at one auth mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Alias {
    /// Its identifier.
    pub id: String,
    /// The name that the auth method knows.
    pub name: String,
    /// What the auth method says of it.
    pub metadata: BTreeMap<String, String>,
    /// What operators say of it.
    pub custom_metadata: BTreeMap<String, String>,
}

/// A group that the entity is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its identifier.
    pub id: String,
    /// Its name, which is its own within its namespace only.
    pub name: String,
    /// The namespace it belongs to.
    pub namespace: Id,
    /// What operators say of it.
    pub metadata: BTreeMap<String, String>,
}

impl Subject {
    /// What a template's words stand for; `None` if that is not known, or empty.
    pub(crate) fn value(&self, words: &str, namespace: Id) -> Option<&str> {
        let found = match words.strip_prefix("identity.entity.") {
            Some(of_entity) if !self.entity_id.is_empty() => self.of_entity(of_entity),
            Some(_) => None,
            None => self.of_group(words.strip_prefix("identity.groups.")?, namespace),
        };
        found.filter(|value| !value.is_empty())
    }

    fn of_entity(&self, words: &str) -> Option<&str> {
        match words {
            "id" => Some(&self.entity_id),
            "name" => Some(&self.name),
            _ => {
                if let Some(key) = words.strip_prefix("metadata.") {
                    return self.metadata.get(key).map(String::as_str);
                }
                let (accessor, of_alias) = words.strip_prefix("aliases.")?.split_once('.')?;
                self.aliases.get(accessor)?.value(of_alias)
            }
        }
    }

    fn of_group(&self, words: &str, namespace: Id) -> Option<&str> {
        let (by, rest) = words.split_once('.')?;
        let (wanted, of_group) = rest.split_once('.')?;
        let mut groups = self.groups.iter();
        let group = match by {
            "ids" => groups.find(|group| group.id == wanted)?,
            // Another namespace may have a group of the same name.
            "names" => groups.find(|group| group.name == wanted && group.namespace == namespace)?,
            _ => return None,
        };
        match of_group {
            "id" => Some(&group.id),
            "name" => Some(&group.name),
            _ => group.metadata.get(of_group.strip_prefix("metadata.")?).map(String::as_str),
        }
    }
}

impl Alias {
    fn value(&self, words: &str) -> Option<&str> {
        match words {
            "id" => Some(&self.id),
            "name" => Some(&self.name),
            _ => match words.strip_prefix("custom_metadata.") {
                Some(key) => self.custom_metadata.get(key).map(String::as_str),
                None => self.metadata.get(words.strip_prefix("metadata.")?).map(String::as_str),
            },
        }
    }
}
