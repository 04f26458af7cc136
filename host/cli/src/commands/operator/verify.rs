//! `operator rekey -verify`: the new shares are given back, to prove that they were kept.

use super::quorum::{give, share};
use super::rekey::shown;
use crate::Error;
use crate::client::Ask;
use crate::session::{Exit, Session};

pub(super) fn give_back(
    session: &mut Session<'_>,
    path: &str,
    key: Option<&str>,
    nonce: Option<&str>,
) -> Result<Exit, Error> {
    let nonce = match nonce {
        Some(nonce) => nonce.to_owned(),
        None => {
            let status = session.data(Ask::get(path), "reading rekey verification status")?;
            if status["started"] != true {
                return Err(Error::Usage("no verification of new shares is in progress".into()));
            }
            status["nonce"].as_str().unwrap_or_default().to_owned()
        }
    };
    let share = share(key, "Share of the new key", session)?;
    let answer = give(session, path, &share, &nonce, "verifying the new shares")?;
    if answer["complete"] == true {
        return session.show_as(&answer, |_| {
            "Success! The new shares are verified: they count from now on, and the old ones no more.".to_owned()
        });
    }
    session.show_as(&answer, shown)
}
