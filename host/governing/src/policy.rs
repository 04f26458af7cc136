//! One policy, and those of one namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Fault;
use serde::{Deserialize, Serialize};
use tenancy::Running;

use crate::pattern::{fits_name, fits_path};
use crate::{CPU_TIME_MAX, NAME_MAX, PLACE_MAX, PLACES_MAX, TEXT_MAX};

/// What a policy lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// An endpoint governing policy: on paths and on managed keys.
    Endpoint,
    /// A role governing policy: on whoever has it by their token or entity.
    Role,
}

impl Sort {
    /// The word in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "egp",
            Self::Role => "rgp",
        }
    }
}

/// What happens when a policy denies, or comes to no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The request goes on, with a warning.
    Advisory,
    /// The request is refused, unless whoever asks says that the policy is to be overridden.
    SoftMandatory,
    /// The request is refused.
    HardMandatory,
}

impl Level {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::SoftMandatory => "soft-mandatory",
            Self::HardMandatory => "hard-mandatory",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Result<Self, Fault> {
        let all = [Self::Advisory, Self::SoftMandatory, Self::HardMandatory];
        let wrong = "enforcement_level: must be advisory, soft-mandatory or hard-mandatory";
        all.into_iter().find(|level| level.name() == word).ok_or_else(|| Fault::invalid(wrong))
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Version of this record's shape.
    pub record: u8,
    /// Its name, in lower case.
    pub name: String,
    /// How strictly it is enforced.
    pub level: Level,
    /// Which language it is written in: the name of a guest.
    pub language: String,
    /// The registered component that reads it; `None`: the built-in one.
    pub running: Option<Running>,
    /// What it says.
    pub text: String,
    /// The paths that it lies on, from its namespace down.
    pub paths: Vec<String>,
    /// The names of managed keys that it lies on, when they are used in its namespace or below.
    pub managed_keys: Vec<String>,
    /// Milliseconds of a processor that judging by it may take; `None`: the usual.
    pub cpu_time_max: Option<u64>,
}

impl Policy {
    /// Checks bounds, and that it lies somewhere if it is one that must.
    pub fn check(&self, sort: Sort) -> Result<(), Fault> {
        let wrong = |text: &str| Err(Fault::invalid(text));
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.bytes().all(plain) {
            return wrong("name: must have 1 to 128 of a-z, 0-9, '-', '_' and '.'");
        }
        if self.name.starts_with('.') || ["root", "default"].contains(&self.name.as_str()) {
            return wrong("name: must not begin with '.', nor be root or default");
        }
        if self.text.trim().is_empty() || self.text.len() > TEXT_MAX {
            return wrong("policy: must have 1 byte to 64 KiB");
        }
        if self.cpu_time_max.is_some_and(|most| !(1..=CPU_TIME_MAX).contains(&most)) {
            return wrong("cpu_time_max: must be from 1 to 1000 (milliseconds)");
        }
        if sort == Sort::Role {
            return Ok(());
        }
        if self.paths.is_empty() && self.managed_keys.is_empty() {
            return wrong("paths: an endpoint governing policy lies on paths, on managed_keys, or on both");
        }
        let fine = |places: &[String]| {
            places.len() <= PLACES_MAX
                && places.iter().all(|place| {
                    (1..=PLACE_MAX).contains(&place.len())
                        && !place.chars().any(char::is_control)
                        && !place.starts_with('/')
                        && !place.trim_end_matches('*').contains('*')
                })
        };
        if !fine(&self.paths) {
            return wrong("paths: at most 128 of 1024 bytes, without a leading '/', and with a '*' only at the end");
        }
        if !fine(&self.managed_keys) {
            return wrong("managed_keys: at most 128 of 1024 bytes, with a '*' only at the end");
        }
        Ok(())
    }

    /// Whether it lies on a path, which is told from its namespace down.
    pub fn lies_on(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| fits_path(pattern, path))
    }

    /// Whether it lies on a managed key.
    pub fn lies_on_key(&self, name: &str) -> bool {
        self.managed_keys.iter().any(|pattern| fits_name(pattern, name))
    }
}

/// The policies of one namespace.
#[derive(Debug, Default)]
pub struct Set {
    /// Endpoint governing policies, in the order of their names.
    pub endpoint: Vec<Arc<Policy>>,
    /// Role governing policies by their names.
    pub role: BTreeMap<String, Arc<Policy>>,
}
