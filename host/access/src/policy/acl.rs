//! Many policies as one decision.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use model::{Id, NamespacePath, Operation};
use serde_json::{Map, Value};

use super::capability::Capabilities;
use super::pattern::Pattern;
use super::permissions::Permissions;
use super::prefixes::Prefixes;
use super::segments::{Rank, Segments};
use super::{Policy, Subject};

/// What someone wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The operation.
    pub operation: Operation,
    /// The namespace's path and the path of the API below it, without a leading slash.
    pub path: &'a str,
    /// The body, or the query of a read; `None` is the same as nothing in it.
    pub parameters: Option<&'a Map<String, Value>>,
    /// For how long the answer is to be wrapped, if it is.
    pub wrap_ttl: Option<Duration>,
    /// Whether the route demands `sudo`.
    pub sudo: bool,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether it may be done.
    pub allowed: bool,
    /// Whether the rule gives `sudo` too, demanded or not.
    pub sudo: bool,
    /// Most names that a listing without a limit of its own may show, where a policy bounds it.
    pub page_max: Option<u64>,
    /// The policies that give the capability, also where a parameter then stood against it.
    pub granting: Vec<Arc<Granting>>,
}

/// A policy that gave a capability, as audit names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granting {
    /// The policy's name.
    pub name: String,
    /// What clients know its namespace by: `root`, or the beginning of its identifier.
    pub namespace_id: String,
    /// Its namespace's path.
    pub namespace_path: String,
    /// What sort of policy it is: always `acl`.
    pub kind: &'static str,
}

/// A policy and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What it says.
    pub policy: &'a Policy,
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: Id,
    /// That namespace's path, which all paths in the policy are below.
    pub path: &'a NamespacePath,
}

/// Compiled policies.
#[derive(Debug, Default)]
pub struct Acl {
    root: bool,
    rules: Vec<Rule>,
    exact: HashMap<Box<str>, usize>,
    prefixes: Prefixes,
    segments: Segments,
    expires: Option<u64>,
}

/// What an [`Acl`] says at one pattern.
#[derive(Clone, Debug)]
pub struct Said {
    /// The pattern, with its namespace in front and without a `*` at the end that [`Scope::Below`] says.
    pub path: String,
    /// Where it holds.
    pub scope: Scope,
    /// What may be done there; `deny` alone for nothing.
    pub capabilities: Vec<&'static str>,
}

/// Where a pattern holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// At this path and no other.
    Exact,
    /// At what begins so, or, where there are `+`, at what fits.
    Below,
}

#[derive(Debug)]
struct Rule {
    permissions: Arc<Permissions>,
    granting: Vec<(Capabilities, Arc<Granting>)>,
}

impl Granting {
    fn new(name: &str, namespace: Id, path: &NamespacePath) -> Self {
        let namespace_id = if path.is_root() { "root".to_owned() } else { namespace.short() };
        Self { name: name.to_owned(), namespace_id, namespace_path: path.as_str().to_owned(), kind: "acl" }
    }
}

impl Acl {
    /// What allows everything: the policy `root`.
    pub fn root() -> Self {
        Self { root: true, ..Self::default() }
    }

    /// Compiles policies for one who asks, at a time in seconds since 1970.
    pub fn new<'a>(policies: impl IntoIterator<Item = Source<'a>>, subject: &Subject, now: u64) -> Self {
        let mut acl = Self::default();
        let mut known: HashMap<Pattern, usize> = HashMap::new();
        for source in policies {
            let granting = Arc::new(Granting::new(source.name, source.namespace, source.path));
            for rule in &source.policy.rules {
                if let Some(end) = rule.expiration {
                    if end < now {
                        continue;
                    }
                    acl.expires = Some(acl.expires.map_or(end, |before| before.min(end)));
                }
                let Some(path) = rule.path.path(subject, source.namespace) else { continue };
                let pattern = Pattern::read(format!("{}{path}", source.path));
                acl.add(&mut known, pattern, &rule.permissions, &granting);
            }
        }
        acl.index(known);
        acl
    }

    fn add(
        &mut self,
        known: &mut HashMap<Pattern, usize>,
        pattern: Pattern,
        permissions: &Arc<Permissions>,
        granting: &Arc<Granting>,
    ) {
        let granted = (permissions.capabilities, Arc::clone(granting));
        match known.entry(pattern) {
            Entry::Vacant(new) => {
                new.insert(self.rules.len());
                self.rules.push(Rule { permissions: Arc::clone(permissions), granting: vec![granted] });
            }
            Entry::Occupied(old) => {
                let Some(rule) = self.rules.get_mut(*old.get()) else { return };
                Arc::make_mut(&mut rule.permissions).merge(permissions);
                match rule.granting.iter_mut().find(|(_, before)| Arc::ptr_eq(before, granting)) {
                    Some((capabilities, _)) => *capabilities = capabilities.and(permissions.capabilities),
                    None => rule.granting.push(granted),
                }
            }
        }
    }

    fn index(&mut self, known: HashMap<Pattern, usize>) {
        let (mut prefixes, mut segments) = (Vec::new(), Vec::new());
        for (pattern, rule) in known {
            match pattern {
                Pattern::Exact(path) => {
                    self.exact.insert(path.into(), rule);
                }
                Pattern::Prefix(prefix) => prefixes.push((prefix, rule)),
                Pattern::Segments(pattern) => segments.push((pattern, rule)),
            }
        }
        self.prefixes = Prefixes::new(prefixes);
        self.segments = Segments::new(segments);
    }

    /// Whether this allows everything.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// How many patterns it holds.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it holds no pattern, and so permits nothing unless it is root.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The last second at which this is still what its policies say, when one of their rules expires.
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether something may be done. Depends on nothing but the policies and the question.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        if self.root {
            let granting = Arc::new(Granting::new(super::ROOT, Id::nil(), &NamespacePath::root()));
            return Verdict { allowed: true, sudo: true, page_max: None, granting: vec![granting] };
        }
        let denied = Verdict { allowed: false, sudo: false, page_max: None, granting: Vec::new() };
        let rule = if question.operation == Operation::List && !question.path.ends_with('/') {
            // What is listed is a folder.
            self.rule_of_listing(&format!("{}/", question.path))
        } else if question.operation == Operation::List {
            self.rule_of_listing(question.path)
        } else {
            self.rule(question.path)
        };
        let Some(rule) = rule else { return denied };
        let wanted = Capabilities::wanted_by(question.operation);
        if rule.permissions.capabilities.denies() || !rule.permissions.capabilities.has(wanted) {
            return denied;
        }
        let gives = rule.granting.iter().filter(|(given, _)| given.has(wanted));
        Verdict {
            allowed: rule.permissions.met(question),
            sudo: rule.permissions.capabilities.has(Capabilities::SUDO),
            page_max: Some(rule.permissions.page_max).filter(|max| *max > 0),
            granting: gives.map(|(_, granting)| Arc::clone(granting)).collect(),
        }
    }

    /// What may be done at a path, by name; `deny` alone for nothing, `root` alone for everything. A trailing slash is
    /// looked at as in a listing.
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.root {
            return vec![super::ROOT];
        }
        self.rule_of_listing(path).map_or_else(|| vec!["deny"], |rule| rule.permissions.capabilities.names())
    }

    /// Whether anything at all may be done at or below a path that ends in `/`: whether its mount may be seen.
    pub fn reaches(&self, path: &str) -> bool {
        let permits = |rule: usize| {
            let capabilities = self.rules.get(rule).map(|rule| rule.permissions.capabilities);
            capabilities.is_some_and(|found| !found.denies() && found != Capabilities::default())
        };
        self.capabilities(path) != ["deny"]
            || self.prefixes.any_below(path, permits)
            || self.segments.any_below(path, permits)
            || self.exact.iter().any(|(exact, rule)| exact.starts_with(path) && permits(*rule))
    }

    /// All that it says, pattern by pattern; nothing for root.
    pub fn said(&self) -> impl Iterator<Item = Said> {
        let exact = self.exact.iter().map(|(path, rule)| (path.to_string(), Scope::Exact, *rule));
        let prefixes = self.prefixes.all().map(|(path, rule)| (path.to_owned(), Scope::Below, rule));
        let segments = self.segments.all().map(|(path, rule)| (path, Scope::Below, rule));
        exact.chain(prefixes).chain(segments).filter_map(|(path, scope, rule)| {
            let capabilities = self.rules.get(rule)?.permissions.capabilities.names();
            Some(Said { path, scope, capabilities })
        })
    }

    /// The one rule for a path.
    fn rule(&self, path: &str) -> Option<&Rule> {
        let found = self.exact.get(path).copied().or_else(|| self.inexact(path));
        self.rules.get(found?)
    }

    /// The one rule for the listing of a path: without its slash first, but an exact match with it.
    fn rule_of_listing(&self, path: &str) -> Option<&Rule> {
        let Some(folder) = path.strip_suffix('/') else { return self.rule(path) };
        let exact = self.exact.get(path).or_else(|| self.exact.get(folder)).copied();
        let found = exact.or_else(|| self.inexact(folder)).or_else(|| self.inexact(path));
        self.rules.get(found?)
    }

    /// The best among the longest prefix and the patterns with `+`.
    fn inexact(&self, path: &str) -> Option<usize> {
        let prefix = self.prefixes.longest(path).map(|(text, rule)| (Rank::of_prefix(text), rule));
        let segments = self.segments.best(path);
        match (prefix, segments) {
            (Some(prefix), Some(segments)) => Some(prefix.max(segments).1),
            (one, other) => one.or(other).map(|(_, rule)| rule),
        }
    }
}
