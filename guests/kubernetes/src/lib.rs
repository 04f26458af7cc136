//! Logins of Kubernetes service accounts, by the token that a cluster gives to each of its pods.
//!
//! For: the cluster that is asked whether a token is good, roles that say whose tokens are taken, logins. Never: belief in
//! a token that the cluster did not confirm in this very request. In: a token, and what the cluster says of it (TokenReview
//! of `authentication.k8s.io/v1`). Out: who it is. Meet first: [`login`], [`account::Account`], [`cluster::Cluster`].
//! Errors: what the cluster says, or why it was not asked, only the log reads; a client is denied.

mod account;
mod cluster;
mod config;
mod login;
mod role;
mod selector;

use innkeeper_guest::prelude::*;

use config::ConfigParams;

struct Kubernetes;

impl Engine for Kubernetes {
    const KIND: GuestKind = GuestKind::AuthMethod;
    const NAME: &'static str = "kubernetes";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str =
        "Lets in service accounts of a Kubernetes cluster, which says whether their tokens are good.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];

    fn renew_token(_context: &Context, internal: &str) -> Result<TokenWishes, Fault> {
        login::renew(internal)
    }
}

innkeeper_guest::export!(Kubernetes);

const ROUTES: &[Route] = &[
    Route::new(
        "config",
        "The cluster.",
        &[
            Action::read("Reads the configuration, without the token for reviews.", config::read),
            Action::update("Sets the cluster whose accounts log in.", config::write).fields(ConfigParams::FIELDS),
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
        &[Action::update("Lets in a service account that shows its token.", login::login)
            .unauthenticated()
            .fields(login::Login::FIELDS)],
    ),
];
