//! `pki`: what the engine makes, in files. Everything else about it is `read`, `write` and `list`.

mod authority;
mod ends;
mod files;
mod leaf;
mod revocation;

use crate::Error;
use crate::environment::Environment;
use crate::session::{Asking, Exit, Run};
use crate::terminal::Terminal;

/// Certificates.
#[derive(Debug, clap::Subcommand)]
pub enum Pki {
    /// Makes a key and a certificate for it.
    #[command(after_help = "Examples:\n  innkeeper pki issue web common_name=www.example.com ttl=72h -cert=www.crt \
                            -key=www.key -chain=chain.crt")]
    Issue(Asking<leaf::Issue>),
    /// Makes a certificate for the key of a certification request.
    #[command(
        after_help = "Examples:\n  innkeeper pki sign web -csr=www.csr common_name=www.example.com -cert=www.crt"
    )]
    Sign(Asking<leaf::Sign>),
    /// Roots.
    #[command(subcommand)]
    Root(authority::Root),
    /// Intermediate authorities.
    #[command(subcommand)]
    Intermediate(authority::Intermediate),
    /// Saves or prints a revocation list.
    #[command(after_help = "Examples:\n  innkeeper pki crl -out=list.pem\n  innkeeper pki crl -rotate")]
    Crl(Asking<revocation::Crl>),
    /// Revokes a certificate.
    #[command(after_help = "Examples:\n  innkeeper pki revoke 3a:b1:0c\n  innkeeper pki revoke -cert=www.crt")]
    Revoke(Asking<revocation::Revoke>),
}

impl Pki {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Issue(asking) => asking.run(environment, terminal),
            Self::Sign(asking) => asking.run(environment, terminal),
            Self::Root(group) => group.run(environment, terminal),
            Self::Intermediate(group) => group.run(environment, terminal),
            Self::Crl(asking) => asking.run(environment, terminal),
            Self::Revoke(asking) => asking.run(environment, terminal),
        }
    }
}

/// Where the engine is mounted.
#[derive(Debug, clap::Args)]
pub struct Mount {
    /// Where the engine is mounted.
    #[arg(long, value_name = "PATH", default_value = "pki")]
    pub mount: String,
}

impl Mount {
    fn at(&self, path: &str) -> String {
        format!("{}/{path}", crate::session::trimmed(&self.mount))
    }
}
