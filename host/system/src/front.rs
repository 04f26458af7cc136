//! What a node answers before it is open, and after: `sys/init`, `sys/unseal`, `sys/seal-status`, `sys/health`,
//! `sys/leader`. No token is asked for.

use std::sync::Arc;

use access::Tokens;
use model::{Fault, Operation, Reply};
use seal::{Founding, Given, Lock, Quorum, Recipient, Share, Status};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use storage::barrier::Barrier;

use crate::{Info, cluster, params, status, unsupported};

/// The front of a node. One per process.
pub struct Front {
    info: Info,
    lock: Arc<Lock>,
}

/// One of the front's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `sys/health`.
    Health,
    /// `sys/seal-status`.
    SealStatus,
    /// `sys/init`.
    Init,
    /// `sys/unseal`.
    Unseal,
    /// `sys/leader`.
    Leader,
}

/// An answer of the front.
pub enum Answer {
    /// That is all.
    Reply(Reply),
    /// The barrier was opened; what comes back is the status after the node is open.
    Opened(Arc<Barrier>),
    /// A store was founded. Whether the node is to open now.
    Founded {
        /// The keys.
        reply: Reply,
        /// Its barrier, where the seal opens by itself.
        barrier: Option<Arc<Barrier>>,
    },
}

/// A store that was founded.
pub struct Founded {
    /// The operators' shares.
    pub shares: Vec<Given>,
    /// The first root token.
    pub root_token: SecretString,
    /// The open barrier.
    pub barrier: Arc<Barrier>,
}

impl Front {
    /// The front of a node with this lock.
    pub fn new(info: Info, lock: Arc<Lock>) -> Self {
        Self { info, lock }
    }

    /// What is asked at a path below `/v1/`, if it is the front's to answer: whatever namespace the request names.
    pub fn find(path: &str) -> Option<Question> {
        match path.trim_end_matches('/').strip_prefix("sys/")? {
            "health" => Some(Question::Health),
            "seal-status" => Some(Question::SealStatus),
            "init" => Some(Question::Init),
            "unseal" => Some(Question::Unseal),
            "leader" => Some(Question::Leader),
            _ => None,
        }
    }

    /// Answers. `open`: the cluster's identifier, when the node is open. `now` in seconds since 1970.
    pub async fn answer(
        &self,
        question: Question,
        operation: Operation,
        body: &Map<String, Value>,
        open: Option<&str>,
        now: u64,
    ) -> Result<Answer, Fault> {
        match (question, operation) {
            (Question::Health, Operation::Read) => {
                let status = self.status(open).await?;
                Ok(Answer::Reply(status::health(&self.info, body, &status, open, now)?))
            }
            (Question::SealStatus, Operation::Read) => Ok(Answer::Reply(self.seal_status(open).await?)),
            (Question::Leader, operation) => Ok(Answer::Reply(status::leader(operation, open.is_none())?)),
            (Question::Init, Operation::Read) => {
                let initialized = self.status(open).await?.initialized;
                Ok(Answer::Reply(Reply::bare(200, json!({ "initialized": initialized }))))
            }
            (Question::Init, Operation::Update) => self.init(body, now).await,
            (Question::Unseal, Operation::Update) => self.unseal(body, open).await,
            _ => Err(unsupported()),
        }
    }

    /// The answer of `sys/seal-status`.
    pub async fn seal_status(&self, open: Option<&str>) -> Result<Reply, Fault> {
        Ok(status::seal_status(&self.info, &self.lock.status().await?, open))
    }

    async fn status(&self, open: Option<&str>) -> Result<Status, Fault> {
        match (self.lock.status().await, open) {
            // Probes of a node that is open must not depend on the store: it was founded.
            (Err(_), Some(_)) => Ok(Status {
                kind: String::new(),
                initialized: true,
                quorum: None,
                progress: 0,
                nonce: String::new(),
                recovery_seal: false,
                migration: false,
            }),
            (status, _) => Ok(status?),
        }
    }

    async fn init(&self, body: &Map<String, Value>, now: u64) -> Result<Answer, Fault> {
        let automatic = self.lock.is_automatic();
        let (wanted, other) = if automatic { ("recovery", "secret") } else { ("secret", "recovery") };
        let number = |which: &str, what: &str| params::number(body, &format!("{which}_{what}"));
        for what in ["shares", "threshold"] {
            if number(other, what)?.is_some_and(|number| number > 0) {
                let kind = self.lock.status().await?.kind;
                return Err(Fault::invalid(format!(
                    "parameters {other}_shares,{other}_threshold not applicable to seal type {kind}"
                )));
            }
        }
        let (keys, none) =
            if automatic { ("recovery_pgp_keys", "pgp_keys") } else { ("pgp_keys", "recovery_pgp_keys") };
        if !params::entries(body, none)?.is_empty() {
            let kind = self.lock.status().await?.kind;
            return Err(Fault::invalid(format!("parameter {none} not applicable to seal type {kind}; see {keys}")));
        }
        let quorum = Quorum::new(
            number(wanted, "shares")?.unwrap_or_default(),
            number(wanted, "threshold")?.unwrap_or_default(),
        );
        // Whoever asks a second time is told so, whatever they ask for.
        if self.lock.status().await?.initialized {
            return Err(seal::Error::AlreadyInitialized.into());
        }
        let quorum = quorum?;
        let recipients = Recipient::read_all(keys, params::entries(body, keys)?, quorum.shares).await?;
        let field = "root_token_pgp_key";
        let of_the_token = Recipient::read(field, params::text(body, field)?).await?;
        let (founding, token) = self.begin(quorum, None, now).await?;
        let shown = match &of_the_token {
            Some(recipient) => recipient.encrypt(token.expose_secret().to_owned().into()).await?.base64().to_string(),
            None => token.expose_secret().to_owned(),
        };
        let (shares, barrier) = commit(founding, quorum, &recipients).await?;
        let hex: Vec<String> = shares.iter().map(|share| share.hex().to_string()).collect();
        let base64: Vec<String> = shares.iter().map(|share| share.base64().to_string()).collect();
        let mut reply = json!({ "root_token": shown });
        if automatic {
            reply["keys"] = json!([]);
            reply["keys_base64"] = json!([]);
            reply["recovery_keys"] = json!(hex);
            reply["recovery_keys_base64"] = json!(base64);
        } else {
            reply["keys"] = json!(hex);
            reply["keys_base64"] = json!(base64);
        }
        Ok(Answer::Founded { reply: Reply::bare(200, reply), barrier: automatic.then_some(barrier) })
    }

    /// Founds the store, with this root token or a random one: all of it in one transaction.
    pub async fn found(&self, quorum: Quorum, root: Option<SecretString>, now: u64) -> Result<Founded, Fault> {
        let (founding, root_token) = self.begin(quorum, root, now).await?;
        let (shares, barrier) = commit(founding, quorum, &[]).await?;
        Ok(Founded { shares, root_token, barrier })
    }

    async fn begin(
        &self,
        quorum: Quorum,
        root: Option<SecretString>,
        now: u64,
    ) -> Result<(Founding, SecretString), Fault> {
        let mut founding = self.lock.found(quorum, now).await?;
        let transaction = &mut founding.transaction;
        tenancy::found(transaction).await?;
        cluster::found(transaction)?;
        let root_token = Tokens::found(transaction)?.create_root(transaction, root, now).await?;
        Ok((founding, root_token))
    }

    async fn unseal(&self, body: &Map<String, Value>, open: Option<&str>) -> Result<Answer, Fault> {
        let reset = params::flag(body, "reset")?.unwrap_or_default();
        let migrate = params::flag(body, "migrate")?.unwrap_or_default();
        let key = params::text(body, "key")?.unwrap_or_default();
        if reset {
            self.lock.reset().await;
        } else {
            let share = Share::parse(key)?;
            if open.is_none()
                && let Some(barrier) = self.lock.unseal(share, migrate).await?
            {
                return Ok(Answer::Opened(barrier));
            }
        }
        Ok(Answer::Reply(self.seal_status(open).await?))
    }
}

async fn commit(
    founding: Founding,
    quorum: Quorum,
    recipients: &[Recipient],
) -> Result<(Vec<Given>, Arc<Barrier>), Fault> {
    let made = founding.commit(recipients).await?;
    tracing::info!(shares = quorum.shares, threshold = quorum.threshold, "the store was founded");
    Ok(made)
}
