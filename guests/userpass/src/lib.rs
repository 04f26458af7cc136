//! The auth method of people: a name and a password.

mod login;
mod user;
mod users;

use innkeeper_guest::prelude::*;

struct Userpass;

impl Engine for Userpass {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "userpass";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Lets people in that have a name and a password.";
    const ROUTES: &'static [&'static [Route]] = &[users::ROUTES, login::ROUTES];

    fn renew_token(_context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        login::renew(internal)
    }
}

innkeeper_guest::export!(Userpass);
