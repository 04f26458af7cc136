//! Logins with JSON Web Tokens (RFC 7519), signed by keys that an operator names: public keys in PEM, the URL of a key set
//! (RFC 7517), or the URL of an OpenID provider (OpenID Connect Discovery 1.0), whose key set is then looked up.
//!
//! A role says whose tokens are taken and what a login gets. The engine reads tokens and compares claims; signatures are
//! verified by the host.

mod claims;
mod config;
mod key_set;
mod login;
mod role;

use innkeeper_guest::prelude::*;

use config::ConfigParams;

struct Jwt;

impl Engine for Jwt {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "jwt";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Lets in whoever shows a JSON Web Token that was signed by a known key.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];

    fn renew_token(_context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        login::renew(internal)
    }
}

innkeeper_guest::export!(Jwt);

const ROUTES: &[Route] = &[
    Route::new(
        "config",
        "Whose signatures are taken.",
        &[
            Action::read("Reads the configuration.", config::read),
            Action::update("Sets the keys that tokens are signed with, or where they are found.", config::write)
                .fields(ConfigParams::FIELDS),
        ],
    ),
    Route::new("role", "The roles.", &[Action::list("Names the roles.", role::list)]),
    Route::new(
        "role/{name}",
        "Whose tokens are taken, and what a login gets.",
        &[
            Action::read("Reads the role.", role::read),
            Action::update("Creates or changes the role.", role::write)
                .create_unless(role::exists)
                .fields(role::FIELDS),
            Action::delete("Removes the role.", role::remove),
        ],
    ),
    Route::new(
        "login",
        "Logins.",
        &[Action::update("Lets in whoever shows a token.", login::login)
            .unauthenticated()
            .fields(login::Login::FIELDS)],
    ),
];
