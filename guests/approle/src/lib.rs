//! The auth method of machines: a role, and a secret of it.

mod fields;
mod hidden;
mod login;
mod metadata;
mod moments;
mod role;
mod role_id;
mod roles;
mod secret;
mod secrets;
mod tidy;

use innkeeper_guest::prelude::*;

struct Approle;

impl Engine for Approle {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "approle";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Lets machines in that have a role and a secret of it.";
    const ROUTES: &'static [&'static [Route]] =
        &[roles::ROUTES, role_id::ROUTES, fields::ROUTES, secrets::ROUTES, login::ROUTES, tidy::ROUTES];
    const WANTS_TICK: bool = true;

    fn tick(_context: &Context) -> Result<(), Fault> {
        tidy::clear(tidy::AT_ONCE)
    }

    fn renew_token(_context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        login::renew(internal)
    }
}

innkeeper_guest::export!(Approle);
