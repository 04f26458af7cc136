//! `operator unseal` and `operator seal`.

use serde_json::json;

use super::quorum::{sent, share};
use crate::Error;
use crate::client::Ask;
use crate::commands::status;
use crate::session::{Act, Exit, Session};

/// A share of the unseal key.
#[derive(Debug, clap::Args)]
pub struct Unseal {
    /// The share, or - for standard input; it is asked for if it is not given. Others on this machine may see arguments.
    pub key: Option<String>,
    /// Forget the shares that came so far.
    #[arg(long)]
    pub reset: bool,
    /// Move to the seal that the configuration names.
    #[arg(long)]
    pub migrate: bool,
}

impl Act for Unseal {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let body = if self.reset {
            json!({ "reset": true })
        } else {
            let share = share(self.key.as_deref(), "Unseal Key", session)?;
            json!({ "key": sent(&share), "migrate": self.migrate })
        };
        let answer = session.whole(Ask::put("sys/unseal", &body), "unsealing")?;
        session.show_as(&answer, |answer| status::shown(answer, None))
    }
}

/// A server that lets go of all it knew.
#[derive(Debug, clap::Args)]
pub struct Seal {}

impl Act for Seal {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        session.order(Ask::put_nothing("sys/seal"), "sealing", "The server is sealed.")
    }
}
