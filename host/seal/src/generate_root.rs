//! A new root token by a quorum of operators (`sys/generate-root`). The progress is a record behind the barrier, so that
//! operators may reach any node.

use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};
use zeroize::Zeroizing;

use crate::lock::nonce;
use crate::record::Config;
use crate::shares::{self, Share};
use crate::{Error, proof};

const RECORD: &str = "generate-root";
const RECORD_VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Attempt {
    version: u8,
    nonce: String,
    otp: String,
    shares: Vec<Share>,
}

/// How far an attempt is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Names the attempt; empty when there is none.
    pub nonce: String,
    /// Shares that came.
    pub progress: usize,
    /// Shares that are needed.
    pub required: u8,
}

/// What a share led to.
pub enum Step {
    /// More are needed.
    Waiting(Progress),
    /// The quorum agrees: a token is to be made and given out hidden by this one-time pad.
    Proven {
        /// The finished attempt.
        progress: Progress,
        /// As long as a token, in bytes.
        otp: Zeroizing<String>,
    },
}

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

async fn read(transaction: &mut Transaction) -> Result<Option<Attempt>, Error> {
    Ok(transaction.get_json(&drawer(), RECORD).await?)
}

fn progress(config: &Config, attempt: Option<&Attempt>) -> Progress {
    Progress {
        nonce: attempt.map(|attempt| attempt.nonce.clone()).unwrap_or_default(),
        progress: attempt.map_or(0, |attempt| attempt.shares.len()),
        required: config.quorum.threshold,
    }
}

/// How far the attempt is, if there is one.
pub async fn status(transaction: &mut Transaction) -> Result<Progress, Error> {
    let config = Config::expect(transaction).await?;
    Ok(progress(&config, read(transaction).await?.as_ref()))
}

/// Begins an attempt. `otp`: visible ASCII, as long as a token.
pub async fn start(transaction: &mut Transaction, otp: Zeroizing<String>) -> Result<Progress, Error> {
    if read(transaction).await?.is_some() {
        return Err(Error::invalid("root generation already in progress"));
    }
    let config = Config::expect(transaction).await?;
    let attempt = Attempt { version: RECORD_VERSION, nonce: nonce()?, otp: otp.to_string(), shares: Vec::new() };
    transaction.put_json(&drawer(), RECORD, &attempt)?;
    Ok(progress(&config, Some(&attempt)))
}

/// Ends the attempt, if there is one.
pub fn cancel(transaction: &mut Transaction) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), RECORD)?)
}

/// Takes a share. [`Error::WrongKey`] when there are enough and they are wrong: then all are forgotten, which the caller
/// must still commit.
pub async fn update(transaction: &mut Transaction, share: Share, nonce: &str) -> Result<Step, Error> {
    let config = Config::expect(transaction).await?;
    let attempt = read(transaction).await?;
    let mut attempt = attempt.ok_or_else(|| Error::invalid("no root generation in progress"))?;
    check_nonce(&attempt.nonce, nonce)?;
    if !attempt.shares.iter().any(|known| known.is(&share)) {
        attempt.shares.push(share);
    }
    if attempt.shares.len() < usize::from(config.quorum.threshold) {
        transaction.put_json(&drawer(), RECORD, &attempt)?;
        return Ok(Step::Waiting(progress(&config, Some(&attempt))));
    }
    let done = progress(&config, Some(&attempt));
    let held = shares::combine(&std::mem::take(&mut attempt.shares), config.quorum.threshold);
    let right = match held {
        Some(held) => proof::is_held(transaction, &config, &held).await?,
        None => false,
    };
    if right {
        cancel(transaction)?;
        return Ok(Step::Proven { progress: done, otp: Zeroizing::new(attempt.otp) });
    }
    transaction.put_json(&drawer(), RECORD, &attempt)?;
    Err(Error::WrongKey)
}

pub(crate) fn check_nonce(expected: &str, given: &str) -> Result<(), Error> {
    match given {
        "" => Err(Error::invalid("nonce: must be the nonce of the operation in progress")),
        given if given == expected => Ok(()),
        _ => Err(Error::invalid(format!("incorrect nonce supplied; nonce for this operation is {expected:?}"))),
    }
}
