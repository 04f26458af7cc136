//! `pki issue` and `pki sign`.

use std::path::PathBuf;

use serde_json::Value;

use super::Mount;
use super::files::Files;
use crate::client::Ask;
use crate::session::{Act, Exit, Session, put};
use crate::{Error, input};

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
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
    /// Whereto.
    #[command(flatten)]
    pub files: Files,
}

impl Act for Issue {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let fields = session.fields(&self.data)?;
        let path = at(&self.mount, self.issuer.as_deref(), "issue", &self.role);
        self.files.ask(session, Ask::put(&path, &Value::Object(fields)), &format!("issuing at {path}"))
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
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
    /// Whereto.
    #[command(flatten)]
    pub files: Files,
}

impl Act for Sign {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = session.fields(&self.data)?;
        put(&mut fields, "csr", Some(input::text_file(&self.csr)?));
        let path = at(&self.mount, self.issuer.as_deref(), "sign", &self.role);
        self.files.ask(session, Ask::put(&path, &Value::Object(fields)), &format!("signing at {path}"))
    }
}

fn at(mount: &Mount, issuer: Option<&str>, what: &str, role: &str) -> String {
    match issuer {
        Some(issuer) => mount.at(&format!("issuer/{issuer}/{what}/{role}")),
        None => mount.at(&format!("{what}/{role}")),
    }
}
