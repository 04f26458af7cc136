//! `pki crl` and `pki revoke`.

use std::path::PathBuf;

use serde_json::json;

use super::Mount;
use super::files::OPEN;
use crate::client::Ask;
use crate::session::{Act, Exit, Session, WELL};
use crate::{Error, input, part};

/// A revocation list.
#[derive(Debug, clap::Args)]
pub struct Crl {
    /// Of which issuer, if not the default one.
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Save it here instead of printing it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// DER instead of PEM.
    #[arg(long)]
    pub der: bool,
    /// Have the lists built again before that.
    #[arg(long)]
    pub rotate: bool,
    /// Overwrite a file that exists.
    #[arg(long)]
    pub force: bool,
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
}

impl Act for Crl {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        if self.rotate {
            let ask = Ask::get(&self.mount.at("crl/rotate")).for_us();
            session.client.ask(&ask).map_err(|error| error.during("rotating revocation lists"))?;
        }
        let path = match (&self.issuer, self.der) {
            (None, false) => self.mount.at("crl/pem"),
            (None, true) => self.mount.at("crl"),
            (Some(issuer), false) => self.mount.at(&format!("issuer/{issuer}/crl/pem")),
            (Some(issuer), true) => self.mount.at(&format!("issuer/{issuer}/crl/der")),
        };
        let found = session.client.find(&Ask::get(&path).for_us());
        let found = found.map_err(|error| error.during(format!("reading {path}")))?;
        let found = found.ok_or(Error::Absent(path))?;
        let Some(file) = &self.out else {
            session.terminal.bytes(&found.body)?;
            return Ok(WELL);
        };
        part::save(file, self.force, OPEN, &found.body)?;
        session.success(&format!("Saved the revocation list in {}", file.display()))
    }
}

/// A certificate that is revoked.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Its serial number.
    #[arg(required_unless_present = "cert")]
    pub serial: Option<String>,
    /// The file with the certificate, instead of its number.
    #[arg(long, value_name = "FILE", conflicts_with = "serial")]
    pub cert: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
}

impl Act for Revoke {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let body = match (&self.serial, &self.cert) {
            (_, Some(file)) => json!({ "certificate": input::text_file(file)? }),
            (serial, None) => json!({ "serial_number": serial }),
        };
        let path = self.mount.at("revoke");
        session.done(&Ask::put(&path, &body), &format!("writing data to {path}"), "Revoked the certificate")
    }
}
