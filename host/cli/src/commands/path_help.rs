//! `path-help`.

use serde_json::Value;

use crate::Error;
use crate::client::Ask;
use crate::output::visible;
use crate::session::{Act, Exit, Session, trimmed};

/// Help for a path.
#[derive(Debug, clap::Args)]
pub struct PathHelp {
    /// Which path.
    pub path: String,
}

impl Act for PathHelp {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let help = session.client.ask(&asked(path));
        let help = help.map_err(|error| error.during(format!("retrieving help for {path}")))?.json()?;
        session.show_as(&help, |help| text(help).unwrap_or_default())
    }
}

fn asked(path: &str) -> Ask {
    Ask::get(path).query([("help".into(), "1".into())]).for_us()
}

fn text(help: &Value) -> Option<String> {
    help["help"].as_str().map(|text| visible(text.trim_end()))
}

/// What help there is for a path; nothing if it has none.
pub(super) fn of(session: &Session<'_>, path: &str) -> Result<Option<String>, Error> {
    let Some(answer) = session.client.find(&asked(path))? else { return Ok(None) };
    Ok(text(&answer.json()?))
}
