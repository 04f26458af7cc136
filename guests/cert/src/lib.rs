//! Logins with the certificate that a client shows in its TLS handshake.
//!
//! For: entries that say which certificates are trusted (an authority's, or a client's own), what else a client's must
//! have, and what a login gets; revocation lists. Never: keys, or a handshake: the host made sure that the client holds the
//! key of its certificate. In: the client's own certificate, without those that it sends along, so an authority that
//! issues to clients must itself be in an entry. Out: who it is. Meet first: [`certificate::Facts`], [`trust::find`].
//! Errors: what a client may read says which check refused, never of whom.

mod certificate;
mod config;
mod crl;
mod entry;
mod login;
mod serial;
mod text;
mod trust;

use innkeeper_guest::prelude::*;

use config::ConfigParams;
use entry::{EntryParams, Older};

struct Cert;

impl Engine for Cert {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "cert";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Lets in whoever shows a trusted certificate in the TLS handshake.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];

    fn renew_token(context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        login::renew(context, internal)
    }
}

innkeeper_guest::export!(Cert);

const ROUTES: &[Route] = &[
    Route::new(
        "config",
        "What holds for all entries.",
        &[
            Action::read("Reads the configuration.", config::read),
            Action::update("Changes what was sent of the configuration.", config::write).fields(ConfigParams::FIELDS),
        ],
    ),
    Route::new("certs", "The entries.", &[Action::list("Names the entries.", entry::list)]),
    Route::new(
        "certs/{name}",
        "A trusted certificate, and what a login with it gets.",
        &[
            Action::read("Reads the entry.", entry::read),
            Action::update("Makes the entry, or changes what was sent.", entry::write)
                .create_unless(entry::exists)
                .fields(fields!(EntryParams, TokenParams, Older)),
            Action::delete("Removes the entry.", entry::remove),
        ],
    ),
    Route::new("crls", "The revocation lists.", &[Action::list("Names the lists.", crl::list)]),
    Route::new(
        "crls/{name}",
        "A revocation list: certificates that are no longer taken, whoever issued them.",
        &[
            Action::read("Reads the serial numbers on the list.", crl::read),
            Action::update("Takes a list in the place of the one before.", crl::write).fields(crl::CrlParams::FIELDS),
            Action::delete("Removes the list.", crl::remove),
        ],
    ),
    Route::new(
        "login",
        "Logins.",
        &[Action::update("Lets in whoever shows a trusted certificate.", login::login)
            .unauthenticated()
            .fields(login::Login::FIELDS)],
    ),
];
