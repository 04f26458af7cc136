//! What an engine is.

use crate::bindings::innkeeper::engine::types as wit;
use crate::{Fault, GuestKind, Lease, Route, TokenWishes};

/// A secrets engine or an auth method. All of it is constant but what its functions answer.
pub trait Engine: 'static {
    /// What it can be mounted as.
    const KIND: GuestKind = GuestKind::SecretsEngine;
    /// The mount type, `[a-z][a-z0-9-]{0,62}`.
    const NAME: &'static str;
    /// A semantic version.
    const VERSION: &'static str;
    /// One or two sentences for help texts.
    const ABOUT: &'static str;
    /// Tables of routes, usually one per resource.
    const ROUTES: &'static [&'static [Route]];
    /// Whether the host should call [`Engine::tick`] about once a minute.
    const WANTS_TICK: bool = false;

    /// Periodic work for one mount.
    fn tick(_context: &Context) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes back what was leased.
    fn revoke(_context: &Context, _lease: &Lease) -> Result<(), Fault> {
        Err(Fault::invalid("this engine gives no leases"))
    }

    /// Extends a lease.
    fn renew(_context: &Context, _lease: &Lease) -> Result<Lease, Fault> {
        Err(Fault::invalid("this engine gives no leases"))
    }

    /// Says whether the token of a login may be renewed, and for how long from now on. `internal` is what the login
    /// answered as [`crate::Auth::internal`].
    fn renew_token(_context: &Context, _internal: &str) -> Result<TokenWishes, Fault> {
        Err(Fault::invalid("this engine answers no logins"))
    }
}

/// What every entry into an engine carries.
pub struct Context {
    facts: wit::Context,
    /// Who renews a token; other entries have none, or a request that knows its own.
    renewed_by: Option<wit::Caller>,
}

/// The mount that the engine runs for.
#[derive(Clone, Copy)]
pub struct Mount<'a>(&'a wit::MountFacts);

impl Context {
    pub(crate) fn new(facts: wit::Context) -> Self {
        Self { facts, renewed_by: None }
    }

    pub(crate) fn renewed_by(self, caller: wit::Caller) -> Self {
        Self { renewed_by: Some(caller), ..self }
    }

    /// Identifies the request in logs.
    pub fn request_id(&self) -> &str {
        &self.facts.request_id
    }

    /// The mount that the engine runs for.
    pub fn mount(&self) -> Mount<'_> {
        Mount(&self.facts.mount)
    }

    /// DER of the certificate that was presented by whoever renews a token, in [`Engine::renew_token`].
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.renewed_by.as_ref()?.client_certificate.as_deref()
    }

    /// Milliseconds that remained when the engine was entered.
    pub fn deadline(&self) -> u64 {
        self.facts.deadline
    }
}

impl<'a> Mount<'a> {
    /// Stable identifier of the mount in logs and audit.
    pub fn accessor(&self) -> &'a str {
        &self.0.accessor
    }

    /// The namespace: empty for the root, else ending in `/`.
    pub fn namespace(&self) -> &'a str {
        &self.0.namespace
    }

    /// The mount's path in its namespace, ending in `/`.
    pub fn path(&self) -> &'a str {
        &self.0.path
    }

    /// Time to live when nobody names one, in seconds.
    pub fn default_lease_ttl(&self) -> u64 {
        self.0.default_lease_ttl
    }

    /// Longest time to live that may be granted, in seconds.
    pub fn max_lease_ttl(&self) -> u64 {
        self.0.max_lease_ttl
    }

    /// An option given when the mount was enabled or tuned.
    pub fn option(&self, name: &str) -> Option<&'a str> {
        self.0.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
