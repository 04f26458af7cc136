//! What auth methods answer: who somebody is, and what they get.

use crate::Fault;
use crate::bindings::innkeeper::engine::types as wit;

pub use crate::bindings::exports::innkeeper::engine::engine::GuestKind;
pub use wit::{Alias, Attempt, Auth, TokenKind, TokenWishes};

/// Longest display name that the host takes, in bytes.
const DISPLAY_NAME_MAX: usize = 256;

impl Auth {
    /// A login of somebody with this alias, who gets these policies and a renewable token. The alias is the display name
    /// too, as far as the host takes it.
    pub fn new(alias: impl Into<String>, policies: Vec<String>, token: TokenWishes) -> Self {
        let name = alias.into();
        Self {
            display_name: name[..name.floor_char_boundary(DISPLAY_NAME_MAX)].to_owned(),
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

    /// The same with something that comes back in [`crate::Engine::renew_token`]: see [`Self::from_internal`].
    #[must_use]
    pub fn internal(mut self, internal: &impl serde::Serialize) -> Self {
        self.internal = serde_json::to_string(internal).unwrap_or_default();
        self
    }

    /// What [`Self::internal`] was given, out of what came back.
    pub fn from_internal<T: serde::de::DeserializeOwned>(internal: &str) -> Result<T, Fault> {
        serde_json::from_str(internal).map_err(|e| Fault::internal(format!("what a login left for renewals: {e}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_alias_is_cut_for_display_and_nowhere_else() {
        let name = "ä".repeat(200);
        let auth = Auth::new(name.as_str(), Vec::new(), TokenWishes::default());
        assert_eq!(auth.display_name, "ä".repeat(128));
        assert_eq!(auth.alias.map(|alias| alias.name), Some(name));
    }

    #[test]
    fn what_a_login_leaves_for_renewals_comes_back() {
        let auth = Auth::new("ann", Vec::new(), TokenWishes::default()).internal(&("r", 7));
        assert_eq!(Auth::from_internal::<(String, u8)>(&auth.internal), Ok(("r".to_owned(), 7)));
        assert_eq!(Auth::from_internal::<u8>("x").map_err(|fault| fault.messages), Err(vec!["internal error".into()]));
    }
}
