//! One lease.

use std::fmt;

use model::Id;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::keys;

/// Largest record that an engine gives with a lease, in bytes: as the contract bounds it.
const INTERNAL_MAX: usize = 64 * 1024;
/// Longest text that says why a lease cannot be taken back, in bytes.
const REASON_MAX: usize = 1024;
/// First rest after a failure to take back, in seconds. It doubles with each further one.
const REST_FIRST: u64 = 10;
/// Longest rest between two tries, in seconds.
const REST_MAX: u64 = 3600;
/// After how many failures a lease is given up: it is kept and listed, and taken back only by force or by asking again.
const ATTEMPTS_MAX: u32 = 6;

/// Something that was given for a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// What clients name it by: `<path>/<random>`, and outside the root namespace `.<namespace's id>` behind it.
    pub id: String,
    /// The namespace that it was given in.
    pub namespace: Id,
    /// The path of the request that it came of, inside the namespace, for instance `pki/issue/web`.
    pub path: String,
    /// What was given.
    pub held: Held,
    /// The key (a hash) of the token whose end is the lease's end too. A token's own lease names the token itself, or
    /// nothing.
    pub token: Option<String>,
    /// Seconds since 1970.
    pub issued: u64,
    /// Seconds since 1970; nothing: never by itself.
    pub expires: Option<u64>,
    /// Seconds since 1970.
    pub renewed: Option<u64>,
    /// Whether its holder may extend it.
    pub renewable: bool,
    /// No renewal goes beyond this. Seconds since 1970.
    pub max_expires: Option<u64>,
    /// Why it cannot be taken back, once that was given up.
    pub irrevocable: Option<String>,
    /// How often taking it back has failed.
    pub attempts: u32,
    /// Before this time taking it back is not tried again. Seconds since 1970.
    pub retry_at: Option<u64>,
    /// Somebody asked for its end: it counts as gone, even if taking it back takes longer.
    pub revoked: bool,
    /// It is forgotten even if it cannot be taken back.
    #[serde(default)]
    pub forced: bool,
    /// The [`crate::Counter`] that it counts in: for leases that are not kept yet. Of one that is kept, only
    /// [`crate::Leases::count_in`] changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Id>,
}

/// What a lease is of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// A token, by its key.
    Token(String),
    /// What an engine gave.
    Secret {
        /// The mount, by its id: it may have moved since.
        mount: Id,
        /// What the engine wants back when it takes back or extends: a JSON object, not for clients or logs.
        internal: String,
        /// For how long the engine gave it, in seconds.
        ttl: u64,
    },
}

/// What a lease is made of.
#[derive(Clone, Debug)]
pub struct NewLease<'a> {
    /// The namespace of the request.
    pub namespace: Id,
    /// The path of the request inside it.
    pub path: &'a str,
    /// Tells this lease from others of the path: letters, digits, `-` and `_` that cannot be guessed.
    pub random: &'a str,
    /// What is given.
    pub held: Held,
    /// The key of the token that it ends with.
    pub token: Option<String>,
    /// Seconds since 1970.
    pub issued: u64,
    /// Seconds since 1970.
    pub expires: Option<u64>,
    /// Whether its holder may extend it.
    pub renewable: bool,
    /// No renewal goes beyond this. Seconds since 1970.
    pub max_expires: Option<u64>,
}

impl Lease {
    /// A lease that is not yet kept.
    pub fn new(new: NewLease<'_>) -> Result<Self, Error> {
        let path = new.path.trim_matches('/');
        let sound = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if path.is_empty() || new.random.is_empty() || !new.random.bytes().all(sound) {
            return Err(Error::Invalid("lease: wants a path, and random letters, digits, '-' and '_'"));
        }
        let suffix = keys::suffix(new.namespace);
        let id = format!("{path}/{}{suffix}", new.random);
        let lease = Self {
            record: 1,
            id,
            namespace: new.namespace,
            path: path.to_owned(),
            held: new.held,
            token: new.token,
            issued: new.issued,
            expires: new.expires,
            renewed: None,
            renewable: new.renewable,
            max_expires: new.max_expires,
            irrevocable: None,
            attempts: 0,
            retry_at: None,
            revoked: false,
            forced: false,
            counted: None,
        };
        lease.check()?;
        Ok(lease)
    }

    /// Whether it can be kept.
    pub(crate) fn check(&self) -> Result<(), Error> {
        keys::check_id(&self.id)?;
        if let Held::Secret { internal, .. } = &self.held
            && internal.len() > INTERNAL_MAX
        {
            return Err(Error::Invalid("lease: what the engine keeps with it has more than 64 KiB"));
        }
        self.token.as_deref().map_or(Ok(()), keys::check_token)
    }

    /// When something is to be done about it; never for one that was given up, or that does not end.
    pub(crate) fn due(&self) -> Option<u64> {
        if self.irrevocable.is_some() {
            return None;
        }
        self.retry_at.or(self.expires)
    }

    /// Whether it has ended: clients are told that there is no such lease, though taking it back may take longer.
    pub fn is_over(&self, now: u64) -> bool {
        self.revoked || self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whole seconds until it ends, 0 when it has ended or never ends.
    pub fn ttl(&self, now: u64) -> u64 {
        self.expires.map_or(0, |expires| expires.saturating_sub(now))
    }

    /// Ends it: it is over, and due now.
    pub fn end(&mut self, now: u64) {
        self.revoked = true;
        self.expires = Some(self.expires.map_or(now, |expires| expires.min(now)));
        (self.irrevocable, self.attempts, self.retry_at) = (None, 0, None);
    }

    /// Notes that taking it back failed: it rests, each time longer, or is given up.
    pub fn failed(&mut self, now: u64, why: &str) {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts >= ATTEMPTS_MAX {
            let end = (0..=why.len().min(REASON_MAX)).rev().find(|at| why.is_char_boundary(*at)).unwrap_or(0);
            self.irrevocable = Some(why[..end].to_owned());
            self.retry_at = None;
        } else {
            let rest = REST_FIRST.saturating_mul(1 << (self.attempts - 1).min(16)).min(REST_MAX);
            self.retry_at = Some(now.saturating_add(rest));
        }
    }
}

/// Without what the engine keeps.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::Secret { mount, ttl, .. } => write!(f, "Secret {{ mount: {mount}, ttl: {ttl} }}"),
        }
    }
}
