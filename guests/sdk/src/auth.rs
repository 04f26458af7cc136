//! What auth methods answer: who somebody is, and what they get.

use crate::bindings::innkeeper::engine::types as wit;

pub use crate::bindings::exports::innkeeper::engine::engine::GuestKind;
pub use wit::{Alias, Attempt, Auth, TokenKind, TokenWishes};

impl Auth {
    /// A login of somebody with this alias, who gets these policies and a renewable token.
    pub fn new(alias: impl Into<String>, policies: Vec<String>, token: TokenWishes) -> Self {
        let name = alias.into();
        Self {
            display_name: name.clone(),
            alias: Some(Alias { name, metadata: Vec::new() }),
            group_aliases: Vec::new(),
            policies,
            metadata: Vec::new(),
            token,
            renewable: true,
            internal: String::new(),
        }
    }

    /// The same under another display name.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// The same with one more pair of metadata, on the token and on the alias.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if let Some(alias) = &mut self.alias {
            alias.metadata.push((name.to_owned(), value.clone()));
        }
        self.metadata.push((name.to_owned(), value));
        self
    }

    /// The same with something that comes back in [`crate::Engine::renew_token`].
    #[must_use]
    pub fn internal(mut self, internal: &impl serde::Serialize) -> Self {
        self.internal = serde_json::to_string(internal).unwrap_or_default();
        self
    }
}

impl Default for TokenWishes {
    /// Everything as the mount says.
    fn default() -> Self {
        Self {
            ttl: 0,
            max_ttl: 0,
            explicit_max_ttl: 0,
            period: 0,
            num_uses: 0,
            kind: TokenKind::Default,
            bound_cidrs: Vec::new(),
            no_default_policy: false,
        }
    }
}
