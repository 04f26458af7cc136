//! What an answer says beside its data: of a token, of a lease, of what was wrapped.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The two sorts of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Kept in the store; can be renewed and revoked.
    #[default]
    Service,
    /// Carries everything that it may, encrypted; nothing of it is kept.
    Batch,
}

impl TokenKind {
    /// The word of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }
}

/// A token that an answer gives out or tells about: `auth` in the envelope.
#[derive(Clone, Debug)]
pub struct Auth {
    /// The token. Empty where it may not be repeated, as when it was renewed by its accessor.
    pub client_token: SecretString,
    /// Names the token without being it; empty for batch tokens.
    pub accessor: String,
    /// What records call whoever holds it; no part of the answer itself.
    pub display_name: String,
    /// All policies: those of the token and those of its identity.
    pub policies: Vec<String>,
    /// The policies of the token itself.
    pub token_policies: Vec<String>,
    /// The policies that its identity brings.
    pub identity_policies: Vec<String>,
    /// What the login method noted.
    pub metadata: BTreeMap<String, String>,
    /// Seconds that are left; 0: without end.
    pub lease_duration: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whose it is; empty for nobody's.
    pub entity_id: String,
    /// Its sort.
    pub token_type: TokenKind,
    /// Whether it has no parent.
    pub orphan: bool,
    /// How often it can be used; 0: without bound.
    pub num_uses: u64,
}

/// What an answer lends: `lease_id`, `lease_duration` and `renewable` in the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Names the lease.
    pub id: String,
    /// Seconds.
    pub duration: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// Where an answer was put that was wrapped: `wrap_info` in the envelope. Then the rest of the answer is not shown.
#[derive(Clone, Debug)]
pub struct WrapInfo {
    /// Unwraps, once.
    pub token: SecretString,
    /// Names the wrapping token.
    pub accessor: String,
    /// Seconds.
    pub ttl: u64,
    /// When it was wrapped, RFC 3339.
    pub creation_time: String,
    /// The path of the request whose answer it is.
    pub creation_path: String,
    /// The accessor of the token in the answer, if one is in it.
    pub wrapped_accessor: Option<String>,
}
