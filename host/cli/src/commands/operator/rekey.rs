//! `operator rekey`.

use serde_json::{Map, Value};

use super::quorum::{give, nonce, pgp_keys, share, texts};
use super::verify;
use crate::Error;
use crate::client::Ask;
use crate::output::{one_line, pairs, words};
use crate::session::{Act, Exit, Session, put};

/// New shares.
#[derive(Debug, clap::Args)]
pub struct Rekey {
    /// Begin.
    #[arg(long)]
    pub init: bool,
    /// Give up what was begun.
    #[arg(long, conflicts_with = "init")]
    pub cancel: bool,
    /// Show how far it is.
    #[arg(long, conflicts_with_all = ["init", "cancel"])]
    pub status: bool,
    /// With -init: the new shares count only once they are given back. Alone: give one back; also with -status and -cancel.
    #[arg(long)]
    pub verify: bool,
    /// barrier: the unseal key. recovery: the recovery key.
    #[arg(long, default_value = "barrier", value_parser = ["barrier", "recovery"])]
    pub target: String,
    /// New shares; 5 by default.
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 5)]
    pub key_shares: u64,
    /// How many of them are needed; 3 by default.
    #[arg(long, short = 't', value_name = "NUMBER", default_value_t = 3)]
    pub key_threshold: u64,
    /// Files with a PGP key for each new share, with commas between them.
    #[arg(long, value_name = "FILES")]
    pub pgp_keys: Vec<String>,
    /// Keep the encrypted shares in the store too; with -pgp-keys.
    #[arg(long, requires = "pgp_keys")]
    pub backup: bool,
    /// Show the encrypted shares that are kept.
    #[arg(long)]
    pub backup_retrieve: bool,
    /// Delete them.
    #[arg(long)]
    pub backup_delete: bool,
    /// Which rekeying the share is for, as -init and -status tell.
    #[arg(long, value_name = "NONCE")]
    pub nonce: Option<String>,
    /// One of the old shares, or - for standard input; it is asked for if it is not given.
    pub key: Option<String>,
}

impl Act for Rekey {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        if self.init {
            return self.begin(session);
        }
        let place = if self.verify { "verify" } else { "init" };
        if self.cancel {
            let ask = Ask::delete(&self.path(place));
            return session.order(ask, "canceling rekey", "Canceled rekeying (if it was started)");
        }
        if self.status {
            let status = session.data(Ask::get(&self.path(place)), "reading rekey status")?;
            return session.show_as(&status, shown);
        }
        if self.backup_retrieve {
            let kept = session.data(Ask::get(&self.backup_path()), "retrieving rekey stored keys")?;
            return session.show_as(&kept, |kept| texts(kept, "keys_base64").join("\n"));
        }
        if self.backup_delete {
            let done = "Deleted the encrypted shares (if any were kept)";
            return session.order(Ask::delete(&self.backup_path()), "deleting rekey stored keys", done);
        }
        if self.verify {
            return verify::give_back(session, &self.path("verify"), self.key.as_deref(), self.nonce.as_deref());
        }
        self.give(session)
    }
}

impl Rekey {
    fn path(&self, what: &str) -> String {
        let target = if self.target == "recovery" { "rekey-recovery-key" } else { "rekey" };
        format!("sys/{target}/{what}")
    }

    fn backup_path(&self) -> String {
        let what = if self.target == "recovery" { "recovery-key-backup" } else { "backup" };
        format!("sys/rekey/{what}")
    }

    fn begin(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "secret_shares", Some(self.key_shares));
        put(&mut fields, "secret_threshold", Some(self.key_threshold));
        put(&mut fields, "pgp_keys", Some(pgp_keys(&self.pgp_keys)?).filter(|keys| !keys.is_empty()));
        put(&mut fields, "backup", self.backup.then_some(true));
        put(&mut fields, "require_verification", self.verify.then_some(true));
        let status = session.data(Ask::put(&self.path("init"), &Value::Object(fields)), "initializing rekey")?;
        if self.pgp_keys.is_empty() {
            let text = "WARNING! The new shares will be shown in clear to whoever gives the last of the old ones.\n\
                        -pgp-keys encrypts each for whom it is meant.\n";
            session.terminal.note(text)?;
        }
        session.show_as(&status, shown)
    }

    fn give(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let status = session.data(Ask::get(&self.path("init")), "reading rekey status")?;
        if status["started"] != true {
            return Err(Error::Usage("no rekeying is in progress: begin one with -init".into()));
        }
        let nonce = nonce(self.nonce.as_deref(), self.key.as_deref(), &status, "rekeying")?;
        session.terminal.note(&format!("Rekeying with the nonce {}", one_line(&nonce)))?;
        let share = share(self.key.as_deref(), "Share of the old key", session)?;
        let answer = give(session, &self.path("update"), &share, &nonce, "posting share")?;
        session.show_as(&answer, |answer| if answer["complete"] == true { done(answer) } else { shown(answer) })
    }
}

/// How far it is.
pub(super) fn shown(status: &Value) -> String {
    let row = |name: &str, field: &str| (name.to_owned(), words(&status[field]));
    let mut rows = vec![row("Nonce", "nonce"), row("Started", "started")];
    if status["started"] == true {
        let needed = if status["required"].is_null() { &status["t"] } else { &status["required"] };
        let progress = format!("{}/{}", words(&status["progress"]), words(needed));
        rows.push(("Rekey Progress".into(), progress));
        rows.extend([row("New Shares", "n"), row("New Threshold", "t")]);
        if status["verification_required"] == true {
            rows.push(row("Verification Required", "verification_required"));
        }
        if status["pgp_fingerprints"].is_array() {
            rows.extend([row("PGP Fingerprints", "pgp_fingerprints"), row("Backup", "backup")]);
        }
    }
    pairs(&rows)
}

fn done(answer: &Value) -> String {
    let prints = texts(answer, "pgp_fingerprints");
    let key = |(at, key): (usize, &&str)| {
        let print = prints.get(at).map(|print| format!(" fingerprint: {};", one_line(print))).unwrap_or_default();
        format!("Key {}{print}: {}", at + 1, one_line(key)).replace(";:", "; value:")
    };
    let keys: Vec<String> = texts(answer, "keys_base64").iter().enumerate().map(key).collect();
    let next = if answer["verification_required"] == true {
        let nonce = one_line(answer["verification_nonce"].as_str().unwrap_or_default());
        format!(
            "The old shares count until the new ones are given back, with -verify and the verification nonce {nonce}"
        )
    } else {
        "The new shares count from now on, and the old ones no more. They are not shown again".to_owned()
    };
    format!(
        "{}\n\nOperation nonce: {}\n\n{next}.",
        keys.join("\n"),
        one_line(answer["nonce"].as_str().unwrap_or_default())
    )
}
