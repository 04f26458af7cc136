//! The commands, one file for each group.

mod audit;
mod auth;
mod completion;
mod kv;
mod lease;
mod logical;
mod login;
mod managed_keys;
mod mounts;
mod namespace;
mod operator;
mod path_help;
mod pki;
mod policy;
mod print;
mod secrets;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod top;

use crate::Error;
use crate::environment::Environment;
use crate::session::{Asking, Exit, Run};
use crate::terminal::Terminal;

pub use top::Top;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Reads what is at a path.
    #[command(after_help = "Examples:\n  innkeeper read secret/app\n  innkeeper read -field=certificate pki/cert/ca")]
    Read(Asking<logical::Read>),
    /// Writes to a path.
    #[command(after_help = logical::WRITE_HELP)]
    Write(Asking<logical::Write>),
    /// Changes some fields of what is at a path.
    #[command(after_help = "Examples:\n  innkeeper patch pki/roles/web max_ttl=24h")]
    Patch(Asking<logical::Patch>),
    /// Deletes what is at a path.
    #[command(after_help = "Examples:\n  innkeeper delete secret/app")]
    Delete(Asking<logical::Delete>),
    /// Lists the names below a path.
    #[command(after_help = "Examples:\n  innkeeper list pki/roles\n  innkeeper list -format=json sys/namespaces")]
    List(Asking<logical::List>),
    /// Tells whether a server is sealed: the status of this command is 0 if not, 2 if so.
    #[command(after_help = "Examples:\n  innkeeper status\n  innkeeper status -format=json")]
    Status(Asking<status::Status>),
    /// Logs in, and keeps the token in ~/.vault-token.
    #[command(after_help = login::HELP)]
    Login(Asking<login::Login>),
    /// Gives what a wrapping token holds, once.
    #[command(
        after_help = "Examples:\n  innkeeper unwrap s.wrappingtoken\n  innkeeper unwrap -field=secret_id - <file"
    )]
    Unwrap(Asking<logical::Unwrap>),
    /// Shows the help of the server for a path.
    #[command(after_help = "Examples:\n  innkeeper path-help pki/roles/web")]
    PathHelp(Asking<path_help::PathHelp>),
    /// Audit devices.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Auth methods.
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Secrets in an engine of the type kv, version 1 or 2.
    #[command(subcommand)]
    Kv(kv::Kv),
    /// Leases.
    #[command(subcommand)]
    Lease(lease::Lease),
    /// Managed keys: keys in PKCS#11 tokens and in the key services of clouds.
    #[command(subcommand)]
    ManagedKeys(managed_keys::ManagedKeys),
    /// Namespaces.
    #[command(subcommand)]
    Namespace(namespace::Namespace),
    /// What operators ask a running server.
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Certificates, to and from files.
    #[command(subcommand)]
    Pki(pki::Pki),
    /// Policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Secrets engines.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Prints what the commands would use.
    #[command(subcommand)]
    Print(print::Print),
    /// Prints a script that completes commands in a shell.
    #[command(after_help = "Examples:\n  source <(innkeeper completion bash)")]
    Completion(completion::Completion),
}

impl Command {
    pub(crate) fn run(
        &self,
        environment: &Environment,
        terminal: &mut Terminal,
        whole: fn() -> clap::Command,
    ) -> Result<Exit, Error> {
        match self {
            Self::Read(asking) => asking.run(environment, terminal),
            Self::Write(asking) => asking.run(environment, terminal),
            Self::Patch(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Status(asking) => status::run(asking, environment, terminal),
            Self::Login(asking) => asking.run(environment, terminal),
            Self::Unwrap(asking) => asking.run(environment, terminal),
            Self::PathHelp(asking) => asking.run(environment, terminal),
            Self::Audit(group) => group.run(environment, terminal),
            Self::Auth(group) => group.run(environment, terminal),
            Self::Kv(group) => group.run(environment, terminal),
            Self::Lease(group) => group.run(environment, terminal),
            Self::ManagedKeys(group) => group.run(environment, terminal),
            Self::Namespace(group) => group.run(environment, terminal),
            Self::Operator(group) => group.run(environment, terminal),
            Self::Pki(group) => group.run(environment, terminal),
            Self::Policy(group) => group.run(environment, terminal),
            Self::Secrets(group) => group.run(environment, terminal),
            Self::Token(group) => group.run(environment, terminal),
            Self::Print(group) => group.run(environment, terminal),
            Self::Completion(completion) => completion.run(terminal, whole()),
        }
    }
}
