//! Where policies are kept.
//!
//! In the drawer `policies` of each namespace lie `acl/<name>`, a policy's text, and `changed`, a record that is written
//! anew with every change of any of them. Its version in a request's own snapshot says whether what was compiled before
//! still holds, so that a request reads one small record for each namespace whose policies it is decided by.

use std::sync::Arc;

use model::{Fault, Id, Kind, NamespacePath};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};

use super::acl::{Acl, Source};
use super::{DEFAULT, NAME_MAX, Policy, ROOT, Subject, builtin, normalized};

/// Rules of compiled sets that are kept at hand, in all; each takes some 300 bytes.
const COMPILED_RULES_MAX: u64 = 100_000;
/// Rules of policies that are kept at hand, in all.
const READ_RULES_MAX: u64 = 50_000;

/// A policy as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    record: u8,
    text: String,
}

/// A policy as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The policies of all namespaces. One per process.
pub struct Policies {
    read: Cache<(Id, String, u64), Arc<Policy>, Weight>,
    compiled: Cache<Key, Compiled, Weight>,
}

/// What a compiled set was made of.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    sets: Vec<Set>,
    /// For sets that say different things of different people.
    subject: Option<Subject>,
}

/// Policies of one namespace.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Set {
    namespace: Id,
    path: NamespacePath,
    /// Of the record `changed`; `None` if no policy was ever written there.
    version: Option<u64>,
    names: Vec<String>,
}

#[derive(Clone)]
enum Compiled {
    Same(Arc<Acl>),
    /// The set has to be looked up with the one who asks.
    Templated,
}

/// Each weighs as many rules as it has, and one for itself.
#[derive(Clone)]
struct Weight;

impl quick_cache::Weighter<Key, Compiled> for Weight {
    fn weight(&self, _: &Key, compiled: &Compiled) -> u64 {
        match compiled {
            Compiled::Same(acl) => acl.len() as u64 + 1,
            Compiled::Templated => 1,
        }
    }
}

impl quick_cache::Weighter<(Id, String, u64), Arc<Policy>> for Weight {
    fn weight(&self, _: &(Id, String, u64), policy: &Arc<Policy>) -> u64 {
        policy.len() as u64 + 1
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self::new()
    }
}

impl Policies {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self {
            read: Cache::with_weighter(4096, READ_RULES_MAX, Weight),
            compiled: Cache::with_weighter(4096, COMPILED_RULES_MAX, Weight),
        }
    }

    /// What these policies of these namespaces come to for one who asks, at a time in seconds since 1970, as the
    /// transaction sees them. Names of policies that are not there give nothing.
    pub async fn acl(
        &self,
        transaction: &mut Transaction,
        wanted: &[(Id, NamespacePath, &[String])],
        subject: &Subject,
        now: u64,
    ) -> Result<Arc<Acl>, Fault> {
        if is_root(wanted)? {
            return Ok(Arc::new(Acl::root()));
        }
        let mut sets = Vec::with_capacity(wanted.len());
        let mut own = false;
        for (namespace, path, names) in wanted.iter().filter(|(_, _, names)| !names.is_empty()) {
            let changed = transaction.peek_versioned(&drawer(*namespace), "changed").await.map_err(broken)?;
            // What this transaction wrote itself nobody else may see yet.
            own |= matches!(changed, Some((_, None)));
            let version = changed.and_then(|(_, version)| version);
            let mut names: Vec<String> = names.iter().map(|name| normalized(name)).collect();
            names.sort_unstable();
            names.dedup();
            sets.push(Set { namespace: *namespace, path: path.clone(), version, names });
        }
        let mut key = Key { sets, subject: None };
        if !own && let Some(found) = self.compiled(&mut key, subject, now) {
            return Ok(found);
        }
        self.compile(transaction, key, subject, now, own).await
    }

    /// A set that was compiled before. The key gets the subject if the set wants it.
    fn compiled(&self, key: &mut Key, subject: &Subject, now: u64) -> Option<Arc<Acl>> {
        let mut found = self.compiled.get(key)?;
        if matches!(found, Compiled::Templated) {
            key.subject = Some(subject.clone());
            found = self.compiled.get(key)?;
        }
        match found {
            Compiled::Same(acl) if acl.expires().is_none_or(|end| now <= end) => Some(acl),
            _ => None,
        }
    }

    async fn compile(
        &self,
        transaction: &mut Transaction,
        mut key: Key,
        subject: &Subject,
        now: u64,
        own: bool,
    ) -> Result<Arc<Acl>, Fault> {
        let mut policies = Vec::new();
        for set in &key.sets {
            for name in &set.names {
                if let Some(policy) = self.policy(transaction, set.namespace, name).await? {
                    policies.push((policy, name, set));
                }
            }
        }
        let templated = policies.iter().any(|(policy, ..)| policy.is_templated());
        let sources = policies.iter().map(|(policy, name, set)| Source {
            policy,
            name,
            namespace: set.namespace,
            path: &set.path,
        });
        let acl = Arc::new(Acl::new(sources, subject, now));
        if own {
            return Ok(acl);
        }
        if templated {
            self.compiled.insert(Key { sets: key.sets.clone(), subject: None }, Compiled::Templated);
            key.subject = Some(subject.clone());
        }
        self.compiled.insert(key, Compiled::Same(Arc::clone(&acl)));
        Ok(acl)
    }

    /// A policy that was read before, or now. A stored text that is no policy is a fault: who wrote it meant more than
    /// nothing.
    async fn policy(&self, transaction: &Transaction, namespace: Id, name: &str) -> Result<Option<Arc<Policy>>, Fault> {
        if let Some(reserved) = builtin::reserved(name) {
            return Ok(Some(reserved.policy()));
        }
        let Ok(stored_name) = key(name) else { return Ok(None) };
        let found = transaction.peek_versioned(&drawer(namespace), &stored_name).await.map_err(broken)?;
        let Some((bytes, version)) = found else {
            return Ok((name == DEFAULT).then(builtin::default_policy));
        };
        let cached = version.map(|version| (namespace, name.to_owned(), version));
        if let Some(policy) = cached.as_ref().and_then(|cached| self.read.get(cached)) {
            return Ok(Some(policy));
        }
        let damaged = |why: String| Fault::internal(format!("the stored policy {name:?} cannot be read: {why}"));
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let policy = Arc::new(Policy::parse(&record.text).map_err(|error| damaged(error.to_string()))?);
        if let Some(cached) = cached {
            self.read.insert(cached, Arc::clone(&policy));
        }
        Ok(Some(policy))
    }

    /// The names of a namespace's policies, in order; at the end those that are not written. Those that the server
    /// keeps for itself are not among them.
    pub async fn names(&self, transaction: &mut Transaction, namespace: Id) -> Result<Vec<String>, Fault> {
        let mut names = vec![DEFAULT.to_owned()];
        let stored = transaction.names(&drawer(namespace), "acl/").await.map_err(broken)?;
        names.extend(stored.iter().map(|stored| decoded(stored)));
        names.sort_unstable();
        names.dedup();
        if namespace == Id::nil() {
            names.push(ROOT.to_owned());
        }
        Ok(names)
    }

    /// A policy's text; `None` if there is none of this name.
    pub async fn read(&self, transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Shown>, Fault> {
        let name = normalized(name);
        let shown = |text: &str| Some(Shown { name: name.clone(), text: text.to_owned() });
        if name == ROOT && namespace == Id::nil() {
            return Ok(shown(""));
        }
        if let Some(reserved) = builtin::reserved(&name) {
            return Ok(shown(reserved.text));
        }
        let Ok(stored_name) = key(&name) else { return Ok(None) };
        let record: Option<Record> = transaction.get_json(&drawer(namespace), &stored_name).await.map_err(broken)?;
        match record {
            Some(record) => Ok(shown(&record.text)),
            None if name == DEFAULT => Ok(shown(builtin::DEFAULT)),
            None => Ok(None),
        }
    }

    /// Writes a policy, and says what its author should know.
    pub fn write(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        name: &str,
        text: String,
    ) -> Result<Vec<String>, Fault> {
        let name = normalized(name);
        if name == ROOT || builtin::reserved(&name).is_some() {
            return Err(Fault::invalid(format!("cannot update {name:?} policy")));
        }
        let stored_name = key(&name)?;
        let policy = Policy::parse(&text).map_err(|error| Fault::invalid(error.to_string()))?;
        transaction.put_json(&drawer(namespace), &stored_name, &Record { record: 1, text }).map_err(broken)?;
        changed(transaction, namespace)?;
        Ok(policy.warnings())
    }

    /// Removes a policy. Removing one that is not there is no error.
    pub fn delete(&self, transaction: &mut Transaction, namespace: Id, name: &str) -> Result<(), Fault> {
        let name = normalized(name);
        if name == ROOT || builtin::reserved(&name).is_some() {
            return Err(Fault::invalid(format!("cannot delete {name:?} policy")));
        }
        if name == DEFAULT {
            return Err(Fault::invalid("cannot delete default policy"));
        }
        transaction.delete(&drawer(namespace), &key(&name)?).map_err(broken)?;
        changed(transaction, namespace)
    }
}

/// Whether the policy `root` is wanted, which must then be the only one.
fn is_root(wanted: &[(Id, NamespacePath, &[String])]) -> Result<bool, Fault> {
    let roots = wanted.iter().filter(|(namespace, ..)| *namespace == Id::nil());
    let root = roots.flat_map(|(_, _, names)| names.iter()).any(|name| normalized(name) == ROOT);
    let count: usize = wanted.iter().map(|(_, _, names)| names.len()).sum();
    if root && count > 1 {
        return Err(Fault::new(Kind::Denied, "permission denied").detail("other policies present along with root"));
    }
    Ok(root)
}

fn drawer(namespace: Id) -> Drawer {
    tenancy::namespace_drawer(namespace, "policies")
}

/// Notes that a namespace's policies changed: the record's new version is what tells.
fn changed(transaction: &mut Transaction, namespace: Id) -> Result<(), Fault> {
    transaction.put(&drawer(namespace), "changed", vec![1]).map_err(broken)
}

/// The key under which a policy is stored: names may hold slashes, keys of the store may not mean them.
fn key(name: &str) -> Result<String, Fault> {
    if name.is_empty() {
        return Err(Fault::invalid("policy name must be provided in the URL"));
    }
    if name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Fault::invalid("policy name: must have at most 200 bytes, and no control characters"));
    }
    let mut key = String::from("acl/");
    for c in name.chars() {
        match c {
            '%' => key.push_str("%25"),
            '/' => key.push_str("%2F"),
            '.' if key == "acl/" => key.push_str("%2E"),
            _ => key.push(c),
        }
    }
    Ok(key)
}

fn decoded(stored: &str) -> String {
    stored.replace("%2F", "/").replace("%2E", ".").replace("%25", "%")
}

fn broken(error: storage::Error) -> Fault {
    match error {
        storage::Error::TooLarge(_) | storage::Error::InvalidKey(_) => {
            Fault::invalid("policy: its name or text is too long to be stored")
        }
        error => Fault::new(error.kind(), "the store of policies cannot be read").detail(error.to_string()),
    }
}
