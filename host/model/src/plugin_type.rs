//! What a component is registered as.

use serde::{Deserialize, Serialize};

use crate::MountClass;

/// What a component is registered as, in the words of `sys/plugins/catalog`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginType {
    /// A secrets engine, for mounts.
    #[default]
    Secret,
    /// An auth method, for mounts below `auth/`.
    Auth,
    /// A language of policies.
    Policy,
}

impl PluginType {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Policy, Self::Secret];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Auth => "auth",
            Self::Policy => "policy",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == word)
    }

    /// What it can be mounted as, if it can.
    pub const fn class(self) -> Option<MountClass> {
        match self {
            Self::Secret => Some(MountClass::Secret),
            Self::Auth => Some(MountClass::Auth),
            Self::Policy => None,
        }
    }
}

impl From<MountClass> for PluginType {
    fn from(class: MountClass) -> Self {
        match class {
            MountClass::Secret => Self::Secret,
            MountClass::Auth => Self::Auth,
        }
    }
}
