//! Where the policies are kept.
//!
//! In the drawer `governing` of each namespace lie `egp/<name>`, `rgp/<name>`, and `changed`, a record that is written anew with
//! every change of any of them. Its version in a request's own snapshot says whether what was read before still holds, so a
//! request reads one small record for each namespace from its own up to the root.

use std::sync::Arc;

use model::{Fault, Id};
use quick_cache::sync::Cache;
use storage::{Drawer, Transaction};

use crate::{POLICIES_MAX, Policy, Set, Sort};

/// Namespaces whose policies are kept at hand.
const SETS_MAX: usize = 4096;

/// The policies of all namespaces. One per process.
pub struct Policies {
    /// By namespace and the version of its record `changed`.
    sets: Cache<(Id, u64), Arc<Set>>,
    none: Arc<Set>,
}

impl Default for Policies {
    fn default() -> Self {
        Self::new()
    }
}

impl Policies {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self { sets: Cache::new(SETS_MAX), none: Arc::default() }
    }

    /// The policies of a namespace, as the transaction sees them.
    pub async fn of(&self, transaction: &mut Transaction, namespace: Id) -> Result<Arc<Set>, Fault> {
        let Some((_, version)) = transaction.peek_versioned(&drawer(namespace), "changed").await? else {
            return Ok(Arc::clone(&self.none));
        };
        // What this transaction wrote itself nobody else may see yet: it has no version.
        let slot = version.map(|version| (namespace, version));
        if let Some(set) = slot.and_then(|slot| self.sets.get(&slot)) {
            return Ok(set);
        }
        let mut set = Set::default();
        for name in self.names(transaction, namespace, Sort::Endpoint).await? {
            set.endpoint.extend(self.read(transaction, namespace, Sort::Endpoint, &name).await?.map(Arc::new));
        }
        for name in self.names(transaction, namespace, Sort::Role).await? {
            let policy = self.read(transaction, namespace, Sort::Role, &name).await?;
            set.role.extend(policy.map(|policy| (name, Arc::new(policy))));
        }
        let set = Arc::new(set);
        if let Some(slot) = slot {
            self.sets.insert(slot, Arc::clone(&set));
        }
        Ok(set)
    }

    /// The names of a namespace's policies of one sort, in order.
    pub async fn names(&self, transaction: &mut Transaction, namespace: Id, sort: Sort) -> Result<Vec<String>, Fault> {
        Ok(transaction.names(&drawer(namespace), &format!("{}/", sort.name())).await?)
    }

    /// One policy; `None` if there is none of this name.
    pub async fn read(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        sort: Sort,
        name: &str,
    ) -> Result<Option<Policy>, Fault> {
        Ok(transaction.get_json(&drawer(namespace), &key(sort, name)).await?)
    }

    /// Writes a policy that was checked, and gives back the one that was there.
    pub async fn write(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        sort: Sort,
        policy: &Policy,
    ) -> Result<Option<Policy>, Fault> {
        let before = self.read(transaction, namespace, sort, &policy.name).await?;
        if before.is_none() && self.names(transaction, namespace, sort).await?.len() >= POLICIES_MAX {
            return Err(Fault::invalid("there are 256 policies of this sort in the namespace: remove one"));
        }
        transaction.put_json(&drawer(namespace), &key(sort, &policy.name), policy)?;
        changed(transaction, namespace)?;
        Ok(before)
    }

    /// Removes a policy and gives it back. Removing one that is not there is no error.
    pub async fn delete(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        sort: Sort,
        name: &str,
    ) -> Result<Option<Policy>, Fault> {
        let before = self.read(transaction, namespace, sort, name).await?;
        if before.is_some() {
            transaction.delete(&drawer(namespace), &key(sort, name))?;
            changed(transaction, namespace)?;
        }
        Ok(before)
    }
}

fn drawer(namespace: Id) -> Drawer {
    tenancy::namespace_drawer(namespace, "governing")
}

fn key(sort: Sort, name: &str) -> String {
    format!("{}/{name}", sort.name())
}

/// Notes that a namespace's policies changed: the record's new version is what tells.
fn changed(transaction: &mut Transaction, namespace: Id) -> Result<(), Fault> {
    Ok(transaction.put(&drawer(namespace), "changed", vec![1])?)
}

#[cfg(test)]
mod tests {
    use storage::Store;
    use storage::memory::Memory;

    use super::*;
    use crate::Level;

    fn policy(name: &str) -> Policy {
        Policy {
            record: 1,
            name: name.to_owned(),
            level: Level::HardMandatory,
            language: "cel".to_owned(),
            running: None,
            text: "true".into(),
            paths: vec!["pki/*".to_owned()],
            managed_keys: vec!["root-*".to_owned()],
            cpu_time_max: None,
        }
    }

    #[tokio::test]
    async fn a_request_sees_the_policies_of_its_own_snapshot_and_its_own_writes() {
        let (store, policies) = (Store::new(Memory::new()), Policies::new());
        let mut early = store.begin().await.unwrap();
        let mut writing = store.begin().await.unwrap();
        policies.write(&mut writing, Id::nil(), Sort::Endpoint, &policy("a")).await.unwrap();
        policies.write(&mut writing, Id::nil(), Sort::Role, &policy("b")).await.unwrap();
        assert_eq!(policies.of(&mut writing, Id::nil()).await.unwrap().endpoint.len(), 1);
        writing.commit().await.unwrap();
        assert!(policies.of(&mut early, Id::nil()).await.unwrap().endpoint.is_empty());
        let mut later = store.begin().await.unwrap();
        let set = policies.of(&mut later, Id::nil()).await.unwrap();
        assert!(set.endpoint[0].lies_on("pki/issue/a") && !set.endpoint[0].lies_on("secret/a"));
        assert!(set.endpoint[0].lies_on_key("root-1") && !set.endpoint[0].lies_on_key("other"));
        assert!(set.role.contains_key("b"));
        policies.delete(&mut later, Id::nil(), Sort::Endpoint, "a").await.unwrap();
        later.commit().await.unwrap();
        let mut last = store.begin().await.unwrap();
        assert!(policies.of(&mut last, Id::nil()).await.unwrap().endpoint.is_empty());
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        let refused = |change: fn(&mut Policy), says: &str| {
            let mut wrong = policy("fine");
            change(&mut wrong);
            let error = wrong.check(Sort::Endpoint).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        };
        assert!(policy("fine").check(Sort::Endpoint).is_ok());
        refused(|policy| policy.name = "a/b".into(), "name:");
        refused(|policy| policy.name = "root".into(), "name:");
        refused(|policy| policy.text = " ".into(), "policy:");
        refused(|policy| (policy.paths, policy.managed_keys) = (vec![], vec![]), "paths:");
        refused(|policy| policy.paths = vec!["a*b".into()], "paths:");
        refused(|policy| policy.paths = vec!["/a".into()], "paths:");
        refused(|policy| policy.managed_keys = vec![String::new()], "managed_keys:");
        refused(|policy| policy.cpu_time_max = Some(0), "cpu_time_max:");
    }
}
