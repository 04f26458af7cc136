//! What a request wants done.

use serde::{Deserialize, Serialize};

/// The operations of the Vault API. POST and PUT are [`Operation::Update`] until an existence check makes them
/// [`Operation::Create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// GET.
    Read,
    /// LIST, or GET with `list=true`.
    List,
    /// POST or PUT where nothing is there yet, for routes that ask.
    Create,
    /// POST or PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Operation {
    /// The name used in logs, audit and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Read, Self::List, Self::Create, Self::Update, Self::Patch, Self::Delete];
        all.into_iter().find(|operation| operation.name() == name)
    }

    /// Whether the operation carries a body.
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }
}
