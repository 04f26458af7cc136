//! A new root token by a quorum of operators (`sys/generate-root`). The progress is a record behind the barrier, so that
//! operators may reach any node.

use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};
use zeroize::Zeroizing;

use crate::lock::nonce;
use crate::record::Config;
use crate::shares::{self, Share};
use crate::{Error, Recipient, proof};

const RECORD: &str = "generate-root";
const RECORD_VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Attempt {
    version: u8,
    nonce: String,
    /// Empty when the token is encrypted to a recipient.
    otp: String,
    #[serde(default)]
    recipient: Option<Recipient>,
    shares: Vec<Share>,
}

/// How the token is hidden on its way to whoever asked.
pub enum Cover {
    /// By a one-time pad: visible ASCII, as long as a token.
    Pad(Zeroizing<String>),
    /// Encrypted with PGP.
    Recipient(Recipient),
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
    /// The fingerprint of whom the token is encrypted to; empty when it is hidden by a pad.
    pub fingerprint: String,
}

/// What a share led to.
pub enum Step {
    /// More are needed.
    Waiting(Progress),
    /// The quorum agrees: a token is to be made and given out under this cover.
    Proven {
        /// The finished attempt.
        progress: Progress,
        /// What whoever began the attempt asked for.
        cover: Cover,
    },
}

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

async fn read(transaction: &mut Transaction) -> Result<Option<Attempt>, Error> {
    Ok(transaction.get_json(&drawer(), RECORD).await?)
}

fn progress(config: &Config, attempt: Option<&Attempt>) -> Progress {
    let recipient = attempt.and_then(|attempt| attempt.recipient.as_ref());
    Progress {
        nonce: attempt.map(|attempt| attempt.nonce.clone()).unwrap_or_default(),
        progress: attempt.map_or(0, |attempt| attempt.shares.len()),
        required: config.quorum.threshold,
        fingerprint: recipient.map(|recipient| recipient.fingerprint().to_owned()).unwrap_or_default(),
    }
}

/// How far the attempt is, if there is one.
pub async fn status(transaction: &mut Transaction) -> Result<Progress, Error> {
    let config = Config::expect(transaction).await?;
    Ok(progress(&config, read(transaction).await?.as_ref()))
}

/// Whether an attempt may begin: refuses while there is one.
pub async fn expect_none(transaction: &mut Transaction) -> Result<(), Error> {
    match read(transaction).await? {
        Some(_) => Err(Error::invalid("root generation already in progress")),
        None => Ok(()),
    }
}

/// Begins an attempt.
pub async fn start(transaction: &mut Transaction, cover: Cover) -> Result<Progress, Error> {
    expect_none(transaction).await?;
    let config = Config::expect(transaction).await?;
    let (otp, recipient) = match cover {
        Cover::Pad(otp) => (otp.to_string(), None),
        Cover::Recipient(recipient) => (String::new(), Some(recipient)),
    };
    let attempt = Attempt { version: RECORD_VERSION, nonce: nonce()?, otp, recipient, shares: Vec::new() };
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
        let pad = Zeroizing::new(attempt.otp);
        let cover = attempt.recipient.map_or(Cover::Pad(pad), Cover::Recipient);
        return Ok(Step::Proven { progress: done, cover });
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
