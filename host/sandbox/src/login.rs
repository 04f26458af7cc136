//! What an auth method says of a login, checked: a guest is as foreign as a client.

use crate::bindings::innkeeper::engine::types as wit;

/// Most groups of a login.
const GROUPS_MAX: usize = 256;
/// Most policies of a login.
const POLICIES_MAX: usize = 256;
/// Most pairs of metadata.
const PAIRS_MAX: usize = 64;
/// Most networks that a token is bound to.
const CIDRS_MAX: usize = 64;
/// Longest alias, name of a group, or value of metadata, in bytes.
const TEXT_MAX: usize = 512;
/// Longest name of a policy, display name, in bytes.
const NAME_MAX: usize = 256;
/// Longest text that comes back at renewals, in bytes.
const INTERNAL_MAX: usize = 16 << 10;

pub use crate::bindings::innkeeper::engine::types::TokenKind;

/// A login that succeeded.
#[derive(Clone, Debug)]
pub struct Login {
    /// What people call them, without the mount's name.
    pub display_name: String,
    /// The alias, and its metadata.
    pub alias: Option<(String, Vec<(String, String)>)>,
    /// Names of external groups.
    pub group_aliases: Vec<String>,
    /// Never `root`.
    pub policies: Vec<String>,
    /// Kept with the token.
    pub metadata: Vec<(String, String)>,
    /// What the token should be.
    pub token: TokenWishes,
    /// Whether it may be renewed.
    pub renewable: bool,
    /// Comes back in [`crate::Guest::renew_token`].
    pub internal: String,
}

/// What a login asks of its token. Times in seconds; 0 stands for what the mount says, or for none.
#[derive(Clone, Debug)]
pub struct TokenWishes {
    /// From now.
    pub ttl: u64,
    /// From its creation, renewals included.
    pub max_ttl: u64,
    /// The same, and nothing tuned later extends it.
    pub explicit_max_ttl: u64,
    /// Each renewal extends it by this.
    pub period: u64,
    /// 0: without limit.
    pub num_uses: u64,
    /// Service or batch, or as the mount is tuned.
    pub kind: TokenKind,
    /// Addresses and CIDR blocks.
    pub bound_cidrs: Vec<String>,
    /// Without the policy `default`.
    pub no_default_policy: bool,
}

/// As whom somebody tried to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The alias that the login would have had.
    pub alias: String,
    /// Whether the method knows it.
    pub known: bool,
}

impl Attempt {
    /// What is no alias counts for nobody.
    pub(crate) fn check(raw: wit::Attempt) -> Option<Self> {
        named(&raw.alias, TEXT_MAX).then_some(Self { alias: raw.alias, known: raw.known })
    }
}

impl Login {
    pub(crate) fn check(raw: wit::Auth) -> Result<Self, &'static str> {
        let pairs_fit = |pairs: &[(String, String)]| {
            pairs.len() <= PAIRS_MAX
                && pairs.iter().all(|(name, value)| named(name, TEXT_MAX) && plain(value) && value.len() <= TEXT_MAX)
        };
        let unless = |fine: bool, why: &'static str| if fine { Ok(()) } else { Err(why) };
        unless(
            plain(&raw.display_name) && raw.display_name.len() <= NAME_MAX,
            "a display name of more than 256 bytes",
        )?;
        if let Some(alias) = &raw.alias {
            unless(named(&alias.name, TEXT_MAX), "an alias that has not 1 to 512 bytes")?;
            unless(pairs_fit(&alias.metadata), "metadata of an alias")?;
        }
        unless(pairs_fit(&raw.metadata), "metadata of a login")?;
        let groups_fit =
            raw.group_aliases.len() <= GROUPS_MAX && raw.group_aliases.iter().all(|name| named(name, TEXT_MAX));
        unless(groups_fit, "groups of a login")?;
        let policies_fit = raw.policies.len() <= POLICIES_MAX && raw.policies.iter().all(|name| named(name, NAME_MAX));
        unless(policies_fit, "policies of a login")?;
        unless(!raw.policies.iter().any(|policy| policy.trim().eq_ignore_ascii_case("root")), "the policy root")?;
        unless(raw.internal.len() <= INTERNAL_MAX, "more than 16 KiB to come back at renewals")?;
        Ok(Self {
            display_name: raw.display_name,
            alias: raw.alias.map(|alias| (alias.name, alias.metadata)),
            group_aliases: raw.group_aliases,
            policies: raw.policies,
            metadata: raw.metadata,
            token: TokenWishes::check(raw.token)?,
            renewable: raw.renewable,
            internal: raw.internal,
        })
    }
}

impl TokenWishes {
    pub(crate) fn check(raw: wit::TokenWishes) -> Result<Self, &'static str> {
        if raw.bound_cidrs.len() > CIDRS_MAX || !raw.bound_cidrs.iter().all(|cidr| named(cidr, 64)) {
            return Err("networks of a token");
        }
        Ok(Self {
            ttl: raw.ttl,
            max_ttl: raw.max_ttl,
            explicit_max_ttl: raw.explicit_max_ttl,
            period: raw.period,
            num_uses: raw.num_uses,
            kind: raw.kind,
            bound_cidrs: raw.bound_cidrs,
            no_default_policy: raw.no_default_policy,
        })
    }
}

fn named(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && plain(text)
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
