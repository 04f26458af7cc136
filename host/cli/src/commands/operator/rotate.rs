//! `operator rotate` and `operator key-status`.

use serde_json::Value;

use crate::Error;
use crate::client::Ask;
use crate::output::{pairs, words};
use crate::session::{Act, Exit, Session};

/// A new key.
#[derive(Debug, clap::Args)]
pub struct Rotate {}

impl Act for Rotate {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = Ask::put_nothing("sys/rotate").for_us();
        session.client.ask(&ask).map_err(|error| error.during("rotating key"))?;
        let status = key_status(session)?;
        session.show_as(&status, |status| format!("Success! Rotated key\n\n{}", shown(status)))
    }
}

/// Which key.
#[derive(Debug, clap::Args)]
pub struct KeyStatus {}

impl Act for KeyStatus {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let status = key_status(session)?;
        session.show_as(&status, shown)
    }
}

fn key_status(session: &Session<'_>) -> Result<Value, Error> {
    session.data(Ask::get("sys/key-status"), "reading key status")
}

fn shown(status: &Value) -> String {
    let row = |name: &str, field: &str| (name.to_owned(), words(&status[field]));
    pairs(&[row("Key Term", "term"), row("Install Time", "install_time"), row("Encryption Count", "encryptions")])
}
