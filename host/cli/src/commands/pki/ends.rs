//! Where something is made, and where it goes.

use std::path::Path;

use serde_json::Value;

use super::Mount;
use super::files::Files;
use crate::client::Ask;
use crate::session::{Exit, Session, put};
use crate::{Error, input};

/// Both ends of whatever makes a certificate or a request.
#[derive(Debug, clap::Args)]
pub struct Ends {
    /// Where.
    #[command(flatten)]
    pub mount: Mount,
    /// Whereto.
    #[command(flatten)]
    pub files: Files,
}

impl Ends {
    /// Has it made of the fields that the user gave, and of the certification request in a file if there is one.
    pub(super) fn make(
        &self,
        session: &mut Session<'_>,
        path: &str,
        data: &[String],
        csr: Option<&Path>,
        doing: &str,
    ) -> Result<Exit, Error> {
        let path = self.mount.at(path);
        let mut fields = session.fields(data)?;
        put(&mut fields, "csr", csr.map(input::text_file).transpose()?);
        self.files.ask(session, Ask::put(&path, &Value::Object(fields)), &format!("{doing} at {path}"))
    }
}
