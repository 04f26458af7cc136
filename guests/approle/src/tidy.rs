//! Clears away secrets that have ended: about once a minute, and when asked.

use innkeeper_guest::prelude::*;

use crate::secret;

/// Secrets that are cleared away before what is done so far is made durable.
pub(crate) const AT_ONCE: usize = 1000;
/// Most steps in one go: what remains is done the next time.
const STEPS_MAX: usize = 20;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "tidy/secret-id",
    "Clears away secrets that have ended.",
    &[Action::update("Clears away secrets that have ended, as also happens by itself.", tidy)],
)];

fn tidy(_request: &Request) -> Answer {
    clear(AT_ONCE)?;
    let text = "Tidy operation successfully started. Any information from the operation will be printed to the server's \
                logs.";
    Ok(Response::null().status(202).warning(text))
}

/// Clears away what has ended, in steps of so many.
pub(crate) fn clear(at_once: usize) -> Result<(), Fault> {
    for _ in 0..STEPS_MAX {
        if !secret::clear_ended(at_once)? {
            return Ok(());
        }
        storage::checkpoint()?;
    }
    Ok(())
}
