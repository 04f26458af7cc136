//! `pki root` and `pki intermediate`.

use std::path::PathBuf;

use serde_json::json;

use super::Mount;
use super::ends::Ends;
use crate::client::Ask;
use crate::environment::Environment;
use crate::session::{Act, Asking, Exit, Run, Session};
use crate::terminal::Terminal;
use crate::{Error, input};

/// What kind of key an authority has.
const KEYS: [&str; 4] = ["internal", "exported", "existing", "kms"];

/// Roots.
#[derive(Debug, clap::Subcommand)]
pub enum Root {
    /// Makes a root. KEY is internal, exported, existing, or kms for a managed key.
    #[command(after_help = "Examples:\n  innkeeper pki root generate kms managed_key_name=root-key \
                            common_name='Example Root' -cert=root.crt")]
    Generate(Asking<GenerateRoot>),
}

impl Root {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        let Self::Generate(asking) = self;
        asking.run(environment, terminal)
    }
}

/// Intermediate authorities.
#[derive(Debug, clap::Subcommand)]
pub enum Intermediate {
    /// Makes a key and a certification request for it. KEY is internal, exported, existing, or kms for a managed key.
    #[command(after_help = "Examples:\n  innkeeper pki intermediate generate internal -mount=int \
                            common_name='Example Intermediate' -csr-out=int.csr")]
    Generate(Asking<GenerateRequest>),
    /// Makes the certificate of an intermediate authority from its request.
    #[command(
        after_help = "Examples:\n  innkeeper pki intermediate sign -mount=pki -csr=int.csr ttl=43800h -cert=int.crt"
    )]
    Sign(Asking<Sign>),
    /// Brings that certificate, and its chain, to where the request was made.
    #[command(after_help = "Examples:\n  innkeeper pki intermediate set-signed -mount=int int.crt")]
    SetSigned(Asking<SetSigned>),
}

impl Intermediate {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Generate(asking) => asking.run(environment, terminal),
            Self::Sign(asking) => asking.run(environment, terminal),
            Self::SetSigned(asking) => asking.run(environment, terminal),
        }
    }
}

/// A root.
#[derive(Debug, clap::Args)]
pub struct GenerateRoot {
    /// What kind of key it has.
    #[arg(value_name = "KEY", value_parser = KEYS)]
    pub key_kind: String,
    /// Fields of the request: common_name, ttl, key_type, managed_key_name, …
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Where, and whereto.
    #[command(flatten)]
    pub ends: Ends,
}

impl Act for GenerateRoot {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = format!("root/generate/{}", self.key_kind);
        self.ends.make(session, &path, &self.data, None, "making a root")
    }
}

/// A request.
#[derive(Debug, clap::Args)]
pub struct GenerateRequest {
    /// What kind of key it has.
    #[arg(value_name = "KEY", value_parser = KEYS)]
    pub key_kind: String,
    /// Fields of the request: common_name, key_type, managed_key_name, …
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Where, and whereto.
    #[command(flatten)]
    pub ends: Ends,
}

impl Act for GenerateRequest {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = format!("intermediate/generate/{}", self.key_kind);
        self.ends.make(session, &path, &self.data, None, "making a request")
    }
}

/// The certificate of an intermediate authority.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// The file with the certification request.
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// Fields of the request: common_name, ttl, max_path_length, …
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Where, and whereto.
    #[command(flatten)]
    pub ends: Ends,
}

impl Act for Sign {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        self.ends.make(session, "root/sign-intermediate", &self.data, Some(&self.csr), "signing")
    }
}

/// What was signed.
#[derive(Debug, clap::Args)]
pub struct SetSigned {
    /// Files with the certificate and those above it.
    #[arg(value_name = "FILE", required = true)]
    pub certificates: Vec<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
}

impl Act for SetSigned {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let texts: Result<Vec<String>, Error> = self.certificates.iter().map(|file| input::text_file(file)).collect();
        let path = self.mount.at("intermediate/set-signed");
        session.write(&Ask::put(&path, &json!({ "certificate": texts?.join("\n") })), &path, None)
    }
}
