//! Files that answers go to.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Error;
use crate::client::Ask;
use crate::output;
use crate::part::Part;
use crate::session::{Exit, Session, WELL};

/// Certificates are for everybody.
pub(super) const OPEN: u32 = 0o644;
/// Keys are not.
const CLOSED: u32 = 0o600;
/// What is shown in the place of what went to a file.
const SAVED: &str = "(in the file)";

/// Where to.
#[derive(Debug, Default, clap::Args)]
pub struct Files {
    /// Save the certificate here.
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Save the chain of the authority here.
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Save the private key here, for nobody but you, and do not print it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Save the certification request here.
    #[arg(long, value_name = "FILE")]
    pub csr_out: Option<PathBuf>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
    /// Overwrite files that exist.
    #[arg(long)]
    pub force: bool,
}

/// One file: which, for whom, and the field that goes there.
type Wanted<'a> = (&'a Path, u32, &'static str);

impl Files {
    fn wanted(&self) -> Vec<Wanted<'_>> {
        let all = [
            (&self.key, CLOSED, "private_key"),
            (&self.csr_out, OPEN, "csr"),
            (&self.chain, OPEN, "ca_chain"),
            (&self.cert, OPEN, "certificate"),
        ];
        all.into_iter().filter_map(|(path, mode, field)| Some((path.as_deref()?, mode, field))).collect()
    }

    /// Asks only once all files can be written, so that nothing is made that cannot be kept.
    pub(super) fn ask(&self, session: &mut Session<'_>, ask: Ask, doing: &str) -> Result<Exit, Error> {
        let wanted = self.wanted();
        let mut parts = Vec::with_capacity(wanted.len());
        for (path, mode, field) in &wanted {
            parts.push((Part::open_with(path, self.force, *mode)?, *path, *field));
        }
        // What goes to files cannot be wrapped.
        let ask = if wanted.is_empty() { ask } else { ask.for_us() };
        let answer = session.client.ask(&ask).map_err(|error| error.during(doing))?;
        let mut body = answer.json()?;
        for (mut part, path, field) in parts {
            let text = pem(&body["data"], field).ok_or_else(|| {
                Error::Unreadable(format!("the server's answer has no {field} for {}", path.display()))
            })?;
            part.write(text.as_bytes())?;
            part.finish()?;
            if let Some(Value::Object(data)) = body.get_mut("data") {
                data.insert(field.to_owned(), Value::String(SAVED.to_owned()));
            }
        }
        if answer.is_empty() {
            return session.success(doing);
        }
        if let Some(name) = &self.field {
            output::field(session.terminal, session.format, &body, name)?;
            return Ok(WELL);
        }
        output::secret(session.terminal, session.format, &body)?;
        Ok(WELL)
    }
}

/// The texts of a field, one below the other. An authority without a chain is its own.
fn pem(data: &Value, field: &str) -> Option<String> {
    let whole = |text: &str| format!("{}\n", text.trim_end());
    match &data[field] {
        Value::String(text) if !text.is_empty() => Some(whole(text)),
        Value::Array(items) if !items.is_empty() => Some(items.iter().filter_map(Value::as_str).map(whole).collect()),
        _ if field == "ca_chain" => data["issuing_ca"].as_str().map(whole),
        _ => None,
    }
}
