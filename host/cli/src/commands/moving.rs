//! Mounts that go elsewhere.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Error;
use crate::client::Ask;
use crate::output::one_line;
use crate::session::{Exit, Session};

/// How often it is asked whether a mount has moved.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait for a mount to move.
const MOVE_MAX: Duration = Duration::from_secs(600);

/// Moves a mount, and waits until it has moved. The paths are those of `sys/remount`.
pub(super) fn moves(session: &mut Session<'_>, what: &str, from: &str, to: &str) -> Result<Exit, Error> {
    let doing = format!("moving {what} {from} to {to}");
    let ask = Ask::post("sys/remount", &json!({ "from": from, "to": to }));
    let id = session.data(ask, &doing)?["migration_id"].as_str().unwrap_or_default().to_owned();
    let id = one_line(&id);
    session.terminal.line(&format!("Started moving {what} {from} to {to}, with migration ID {id}"))?;
    let until = Instant::now() + MOVE_MAX;
    loop {
        let status = session.data(Ask::get(&format!("sys/remount/status/{id}")), &doing)?;
        match status.pointer("/migration_info/status").and_then(Value::as_str) {
            Some("success") => {
                return session.success(&format!("Finished moving {what} {from} to {to}, with migration ID {id}"));
            }
            Some("failure") => {
                let text = "the server could not move it: its log says why";
                return Err(Error::Unreadable(text.into()).during(doing));
            }
            _ if Instant::now() > until => {
                let text = format!("it still moves: read sys/remount/status/{id} later");
                return Err(Error::Unreadable(text).during(doing));
            }
            _ => std::thread::sleep(LOOK_EVERY),
        }
    }
}
