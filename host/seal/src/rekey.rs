//! New shares (`sys/rekey`, `sys/rekey-recovery-key`). With Shamir the unseal key and the root key are new as well; with
//! a wrapper it is the recovery key that is new. The progress is a record behind the barrier.

mod backup;

use serde::{Deserialize, Serialize};
use storage::barrier::{Barrier, SecretKey, clear_drawer};
use storage::{Drawer, Transaction};
use zeroize::Zeroizing;

pub use backup::{Backup, backup, delete_backup};

use crate::generate_root::check_nonce;
use crate::lock::nonce;
use crate::record::{self, Config};
use crate::shares::{self, Share};
use crate::{Error, Given, Quorum, Recipient, proof};

const RECORD: &str = "rekey";
const RECORD_VERSION: u8 = 1;

/// Which key is to have new shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The unseal key: `sys/rekey`.
    Unseal,
    /// The recovery key: `sys/rekey-recovery-key`.
    Recovery,
}

/// What is asked of a rekeying.
pub struct Demand {
    /// What the new key is to have.
    pub quorum: Quorum,
    /// Whether the new shares must come back before they count.
    pub require_verification: bool,
    /// To whom the new shares are encrypted, one for each; empty: they are given out as they are.
    pub recipients: Vec<Recipient>,
    /// Whether the encrypted shares are kept as well, until somebody deletes them.
    pub backup: bool,
}

#[derive(Serialize, Deserialize)]
struct Attempt {
    version: u8,
    nonce: String,
    wanted: Quorum,
    require_verification: bool,
    #[serde(default)]
    recipients: Vec<Recipient>,
    #[serde(default)]
    backup: bool,
    shares: Vec<Share>,
    verification: Option<Verification>,
}

/// A new key that was given out and is used once its shares came back.
#[derive(Serialize, Deserialize)]
struct Verification {
    nonce: String,
    /// In hexadecimal digits.
    key: String,
    shares: Vec<Share>,
}

/// How far an attempt is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Names the attempt; empty when there is none.
    pub nonce: String,
    /// Shares of the old key that came.
    pub progress: usize,
    /// Shares of the old key that are needed.
    pub required: u8,
    /// What the new key is to have; none when there is no attempt.
    pub wanted: Option<Quorum>,
    /// Whether the new shares must come back before they count.
    pub require_verification: bool,
    /// Names the verification; empty while there is none.
    pub verification_nonce: String,
    /// New shares that came back.
    pub verified: usize,
    /// The fingerprints of whom the new shares are encrypted to.
    pub fingerprints: Vec<String>,
    /// Whether the encrypted shares are kept.
    pub backup: bool,
}

/// What a share led to.
pub enum Step {
    /// More are needed.
    Waiting(Progress),
    /// The new shares. With verification they do not count yet.
    Rekeyed {
        /// The attempt.
        progress: Progress,
        /// The shares, which are nowhere else but in the backup that was asked for.
        shares: Vec<Given>,
    },
}

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

fn progress(config: &Config, attempt: Option<&Attempt>) -> Progress {
    let verification = attempt.and_then(|attempt| attempt.verification.as_ref());
    Progress {
        nonce: attempt.map(|attempt| attempt.nonce.clone()).unwrap_or_default(),
        progress: attempt.map_or(0, |attempt| attempt.shares.len()),
        required: config.quorum.threshold,
        wanted: attempt.map(|attempt| attempt.wanted),
        require_verification: attempt.is_some_and(|attempt| attempt.require_verification),
        verification_nonce: verification.map(|verification| verification.nonce.clone()).unwrap_or_default(),
        verified: verification.map_or(0, |verification| verification.shares.len()),
        fingerprints: attempt.map(fingerprints).unwrap_or_default(),
        backup: attempt.is_some_and(|attempt| attempt.backup),
    }
}

fn fingerprints(attempt: &Attempt) -> Vec<String> {
    attempt.recipients.iter().map(|recipient| recipient.fingerprint().to_owned()).collect()
}

async fn read(transaction: &mut Transaction) -> Result<Option<Attempt>, Error> {
    Ok(transaction.get_json(&drawer(), RECORD).await?)
}

async fn config(transaction: &mut Transaction, target: Target) -> Result<Config, Error> {
    let config = Config::expect(transaction).await?;
    match (target, config.is_shamir()) {
        (Target::Unseal, true) | (Target::Recovery, false) => Ok(config),
        (Target::Unseal, false) => Err(Error::invalid(format!(
            "the unseal key is kept by the {} seal; what can be rekeyed is the recovery key, at rekey-recovery-key",
            config.kind
        ))),
        (Target::Recovery, true) => {
            Err(Error::invalid("recovery rekeying not supported: a shamir seal has no recovery key; see rekey"))
        }
    }
}

async fn running(transaction: &mut Transaction) -> Result<Attempt, Error> {
    read(transaction).await?.ok_or_else(|| Error::invalid("no rekey in progress"))
}

/// How far the attempt is, if there is one.
pub async fn status(transaction: &mut Transaction, target: Target) -> Result<Progress, Error> {
    let config = config(transaction, target).await?;
    Ok(progress(&config, read(transaction).await?.as_ref()))
}

/// Whether an attempt may begin: refuses while there is one.
pub async fn expect_none(transaction: &mut Transaction, target: Target) -> Result<(), Error> {
    config(transaction, target).await?;
    match read(transaction).await? {
        Some(_) => Err(Error::invalid("rekey already in progress")),
        None => Ok(()),
    }
}

/// Begins an attempt.
pub async fn start(transaction: &mut Transaction, target: Target, demand: Demand) -> Result<Progress, Error> {
    expect_none(transaction, target).await?;
    let config = config(transaction, target).await?;
    if demand.backup && demand.recipients.is_empty() {
        return Err(Error::invalid(
            "backup: cannot request a backup of the new keys without providing PGP keys for encryption",
        ));
    }
    let attempt = Attempt {
        version: RECORD_VERSION,
        nonce: nonce()?,
        wanted: demand.quorum,
        require_verification: demand.require_verification,
        recipients: demand.recipients,
        backup: demand.backup,
        shares: Vec::new(),
        verification: None,
    };
    transaction.put_json(&drawer(), RECORD, &attempt)?;
    Ok(progress(&config, Some(&attempt)))
}

/// Ends the attempt, if there is one. Shares that wait for verification never count then.
pub fn cancel(transaction: &mut Transaction) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), RECORD)?)
}

/// Takes a share of the old key. [`Error::WrongKey`] when there are enough and they are wrong: then all are forgotten,
/// which the caller must still commit.
pub async fn update(
    transaction: &mut Transaction,
    barrier: &Barrier,
    target: Target,
    share: Share,
    given_nonce: &str,
) -> Result<Step, Error> {
    let config = config(transaction, target).await?;
    let mut attempt = running(transaction).await?;
    check_nonce(&attempt.nonce, given_nonce)?;
    if attempt.verification.is_some() {
        return Err(Error::invalid("the new shares wait for their verification, at rekey/verify"));
    }
    if !attempt.shares.iter().any(|known| known.is(&share)) {
        attempt.shares.push(share);
    }
    if attempt.shares.len() < usize::from(config.quorum.threshold) {
        transaction.put_json(&drawer(), RECORD, &attempt)?;
        return Ok(Step::Waiting(progress(&config, Some(&attempt))));
    }
    let held = shares::combine(&std::mem::take(&mut attempt.shares), config.quorum.threshold);
    let right = match held {
        Some(held) => proof::is_held(transaction, &config, &held).await?,
        None => false,
    };
    if !right {
        transaction.put_json(&drawer(), RECORD, &attempt)?;
        return Err(Error::WrongKey);
    }
    let new = SecretKey::random()?;
    let shares = shares::split(&new, attempt.wanted.shares, attempt.wanted.threshold);
    let shares = Given::out(shares, &attempt.recipients).await?;
    if attempt.backup {
        backup::keep(transaction, target, &attempt, &shares)?;
    }
    if attempt.require_verification {
        let key = Zeroizing::new(hex::encode(new.bytes()));
        attempt.verification = Some(Verification { nonce: nonce()?, key: key.to_string(), shares: Vec::new() });
        transaction.put_json(&drawer(), RECORD, &attempt)?;
    } else {
        apply(transaction, barrier, &config, attempt.wanted, &new)?;
    }
    Ok(Step::Rekeyed { progress: progress(&config, Some(&attempt)), shares })
}

/// Takes a new share back. Whether all is proven now, and the new shares count.
pub async fn verify(
    transaction: &mut Transaction,
    barrier: &Barrier,
    target: Target,
    share: Share,
    given_nonce: &str,
) -> Result<(Progress, bool), Error> {
    let config = config(transaction, target).await?;
    let mut attempt = running(transaction).await?;
    let wanted = attempt.wanted;
    let Some(verification) = &mut attempt.verification else {
        return Err(Error::invalid("no rekey verification in progress"));
    };
    check_nonce(&verification.nonce, given_nonce)?;
    if !verification.shares.iter().any(|known| known.is(&share)) {
        verification.shares.push(share);
    }
    if verification.shares.len() < usize::from(wanted.threshold) {
        transaction.put_json(&drawer(), RECORD, &attempt)?;
        return Ok((progress(&config, Some(&attempt)), false));
    }
    let held = shares::combine(&std::mem::take(&mut verification.shares), wanted.threshold);
    let new = hex::decode(&verification.key).ok().map(Zeroizing::new).and_then(|key| SecretKey::from_bytes(&key));
    match (held, new) {
        (Some(held), Some(new)) if is_same(&held, &new) => {
            apply(transaction, barrier, &config, wanted, &new)?;
            Ok((progress(&config, Some(&attempt)), true))
        }
        _ => {
            transaction.put_json(&drawer(), RECORD, &attempt)?;
            Err(Error::WrongKey)
        }
    }
}

/// Forgets the new shares that came back: the verification starts over, with another nonce.
pub async fn restart_verification(transaction: &mut Transaction, target: Target) -> Result<Progress, Error> {
    let config = config(transaction, target).await?;
    let mut attempt = running(transaction).await?;
    if let Some(verification) = &mut attempt.verification {
        verification.shares.clear();
        verification.nonce = nonce()?;
        transaction.put_json(&drawer(), RECORD, &attempt)?;
    }
    Ok(progress(&config, Some(&attempt)))
}

fn is_same(one: &SecretKey, other: &SecretKey) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.bytes(), other.bytes()).is_ok()
}

/// Makes the new key count, and ends the attempt.
fn apply(
    transaction: &mut Transaction,
    barrier: &Barrier,
    config: &Config,
    wanted: Quorum,
    new: &SecretKey,
) -> Result<(), Error> {
    if config.is_shamir() {
        // A new root key as well: who copied the old shares and the old store must not read what comes.
        let root = SecretKey::random()?;
        Barrier::write_keys(transaction, &root, &barrier.keyring()?)?;
        transaction.put(&clear_drawer(), record::ROOT, proof::wrap(new, &root)?)?;
    } else {
        proof::write_recovery(transaction, new)?;
    }
    Config::new(&config.kind, wanted).write(transaction)?;
    cancel(transaction)
}
