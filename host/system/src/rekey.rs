//! `sys/rekey/…` and `sys/rekey-recovery-key/…`: new shares. No token is asked for: the old shares are the proof.

use model::{Fault, Kind, Operation, Reply};
use seal::rekey::{self, Demand, Progress, Step, Target};
use seal::{Quorum, Recipient, Share};
use serde_json::{Value, json};
use storage::barrier::Barrier;

use crate::{Call, params, unsupported};

/// Answers at a path below `sys/rekey/` or `sys/rekey-recovery-key/`.
pub(crate) async fn at(barrier: &Barrier, call: Call<'_>, target: Target, path: &str) -> Result<Reply, Fault> {
    match (path, call.operation) {
        ("init", Operation::Read) => Ok(told(&rekey::status(call.transaction, target).await?)),
        ("init", Operation::Update) => start(call, target).await,
        ("init", Operation::Delete) => {
            rekey::cancel(call.transaction)?;
            Ok(Reply::nothing())
        }
        ("update", Operation::Update) => update(barrier, call, target).await,
        ("verify", Operation::Read) => Ok(verification(&rekey::status(call.transaction, target).await?)),
        ("verify", Operation::Update) => verify(barrier, call, target).await,
        ("verify", Operation::Delete) => {
            Ok(verification(&rekey::restart_verification(call.transaction, target).await?))
        }
        ("init" | "update" | "verify", _) => Err(unsupported()),
        _ => Err(Fault::new(Kind::NotFound, "unsupported path")),
    }
}

/// `sys/rekey/backup` and `sys/rekey/recovery-key-backup`: encrypted shares that are kept, for whoever has a token.
pub(crate) async fn backup(call: Call<'_>, target: Target) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => {
            let kept = rekey::backup(call.transaction, target).await?;
            let kept = kept.ok_or_else(|| Fault::invalid("no backed-up keys found"))?;
            let fields =
                [("nonce", json!(kept.nonce)), ("keys", json!(kept.keys)), ("keys_base64", json!(kept.base64()))];
            Ok(Reply::flattened(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
        }
        Operation::Delete => {
            rekey::delete_backup(call.transaction, target)?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}

async fn start(call: Call<'_>, target: Target) -> Result<Reply, Fault> {
    let number = |field| Ok::<u64, Fault>(params::number(&call.body, field)?.unwrap_or_default());
    let flag = |field| Ok::<bool, Fault>(params::flag(&call.body, field)?.unwrap_or_default());
    let quorum = Quorum::new(number("secret_shares")?, number("secret_threshold")?)?;
    let (require_verification, backup) = (flag("require_verification")?, flag("backup")?);
    // Before the work that keys make.
    rekey::expect_none(call.transaction, target).await?;
    let keys = params::entries(&call.body, "pgp_keys")?;
    let recipients = Recipient::read_all("pgp_keys", keys, quorum.shares).await?;
    let demand = Demand { quorum, require_verification, recipients, backup };
    Ok(told(&rekey::start(call.transaction, target, demand).await?))
}

async fn update(barrier: &Barrier, call: Call<'_>, target: Target) -> Result<Reply, Fault> {
    let (share, nonce) = proof(&call)?;
    match rekey::update(call.transaction, barrier, target, share, &nonce).await {
        Ok(Step::Waiting(progress)) => Ok(told(&progress)),
        Ok(Step::Rekeyed { progress, shares }) => {
            tracing::warn!(request = call.request, "new shares were given out to a quorum of operators");
            let hex: Vec<String> = shares.iter().map(|share| share.hex().to_string()).collect();
            let base64: Vec<String> = shares.iter().map(|share| share.base64().to_string()).collect();
            Ok(Reply::bare(
                200,
                json!({
                    "nonce": progress.nonce, "complete": true, "keys": hex, "keys_base64": base64,
                    "pgp_fingerprints": fingerprints(&progress), "backup": progress.backup,
                    "verification_required": progress.require_verification,
                    "verification_nonce": progress.verification_nonce,
                }),
            ))
        }
        Err(refused) => Err(forgotten(call, refused).await),
    }
}

async fn verify(barrier: &Barrier, call: Call<'_>, target: Target) -> Result<Reply, Fault> {
    let (share, nonce) = proof(&call)?;
    match rekey::verify(call.transaction, barrier, target, share, &nonce).await {
        Ok((progress, false)) => Ok(verification(&progress)),
        Ok((progress, true)) => Ok(Reply::bare(200, json!({ "nonce": progress.verification_nonce, "complete": true }))),
        Err(refused) => Err(forgotten(call, refused).await),
    }
}

/// That wrong shares are forgotten must be kept, although the request fails.
async fn forgotten(call: Call<'_>, refused: seal::Error) -> Fault {
    if matches!(refused, seal::Error::WrongKey) {
        if let Err(error) = call.transaction.checkpoint().await {
            return error.into();
        }
        return Fault::invalid(format!("{refused}: the shares that came so far are forgotten"));
    }
    refused.into()
}

fn proof(call: &Call<'_>) -> Result<(Share, String), Fault> {
    let share = Share::parse(params::text(&call.body, "key")?.unwrap_or_default())?;
    Ok((share, params::text(&call.body, "nonce")?.unwrap_or_default().to_owned()))
}

/// `null` when shares are not encrypted.
fn fingerprints(progress: &Progress) -> Option<&[String]> {
    Some(&*progress.fingerprints).filter(|fingerprints| !fingerprints.is_empty())
}

fn told(progress: &Progress) -> Reply {
    let (shares, threshold) = progress.wanted.map_or((0, 0), |wanted| (wanted.shares, wanted.threshold));
    let body: Value = json!({
        "nonce": progress.nonce, "started": progress.wanted.is_some(), "t": threshold, "n": shares,
        "progress": progress.progress, "required": progress.required,
        "pgp_fingerprints": fingerprints(progress), "backup": progress.backup,
        "verification_required": progress.require_verification, "verification_nonce": progress.verification_nonce,
    });
    Reply::bare(200, body)
}

fn verification(progress: &Progress) -> Reply {
    let (shares, threshold) = progress.wanted.map_or((0, 0), |wanted| (wanted.shares, wanted.threshold));
    let started = !progress.verification_nonce.is_empty();
    Reply::bare(
        200,
        json!({
            "nonce": progress.verification_nonce, "started": started, "t": threshold, "n": shares,
            "progress": progress.verified,
        }),
    )
}
