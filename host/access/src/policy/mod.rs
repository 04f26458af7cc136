//! Policies: what they say, and the decision they make.
//!
//! [`Policy::parse`] reads one text. [`Acl::new`] compiles several policies into one decision, [`Acl::decide`] makes it;
//! neither knows storage or a clock. [`Policies`] keeps the texts of namespaces and compiled sets at hand.
//!
//! A request is decided by **one** rule, that of the pattern which fits its path best. Policies add up only where they
//! have the very same pattern; a pattern that fits better replaces all others, even their denials.

mod acl;
mod builtin;
mod capability;
mod kept;
mod parameters;
mod parse;
mod pattern;
mod permissions;
mod prefixes;
mod segments;
mod subject;
mod template;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod model_check;

pub use acl::{Acl, Granting, Question, Said, Scope, Source, Verdict};
pub use kept::{Policies, Shown};
pub use parse::{Malformed, Policy};
pub use subject::{Alias, Group, Subject};

/// Longest text of a policy, in bytes.
pub const TEXT_MAX: usize = 512 * 1024;
/// Longest name of a policy, in bytes.
pub const NAME_MAX: usize = 200;
/// The policy that every namespace has from the start, and that tokens get unless they ask not to.
pub const DEFAULT: &str = "default";
/// The policy that allows everything. It has no text, and exists in the root namespace only.
pub const ROOT: &str = "root";

/// The form in which a policy is stored and looked up: policies are named without regard to case.
pub fn normalized(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether a token may be given this policy. Two policies are for tokens that the server makes for itself.
pub fn is_assignable(name: &str) -> bool {
    !builtin::RESERVED.iter().any(|reserved| reserved.name == normalized(name))
}
