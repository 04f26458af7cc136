//! `pki issue` and `pki sign`.

use std::path::PathBuf;

use super::ends::Ends;
use crate::Error;
use crate::session::{Act, Exit, Session};

/// A key and its certificate.
#[derive(Debug, clap::Args)]
pub struct Issue {
    /// By which role.
    pub role: String,
    /// Fields of the request: common_name, alt_names, ip_sans, ttl, …
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// By which issuer, if not the role's.
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Where, and whereto.
    #[command(flatten)]
    pub ends: Ends,
}

impl Act for Issue {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = below(self.issuer.as_deref(), "issue", &self.role);
        self.ends.make(session, &path, &self.data, None, "issuing")
    }
}

/// A certificate for a key that is elsewhere.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// By which role.
    pub role: String,
    /// The file with the certification request.
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// Fields of the request: common_name, alt_names, ip_sans, ttl, …
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// By which issuer, if not the role's.
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Where, and whereto.
    #[command(flatten)]
    pub ends: Ends,
}

impl Act for Sign {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = below(self.issuer.as_deref(), "sign", &self.role);
        self.ends.make(session, &path, &self.data, Some(&self.csr), "signing")
    }
}

fn below(issuer: Option<&str>, what: &str, role: &str) -> String {
    match issuer {
        Some(issuer) => format!("issuer/{issuer}/{what}/{role}"),
        None => format!("{what}/{role}"),
    }
}
