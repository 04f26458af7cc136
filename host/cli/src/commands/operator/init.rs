//! `operator init`.

use serde_json::{Map, Value, json};

use super::quorum::{pgp_key, pgp_keys, texts};
use crate::Error;
use crate::client::Ask;
use crate::output::{one_line, words};
use crate::session::{Act, Exit, NOT_SO, Session, WELL, put};

/// How many shares there are if nobody says.
const SHARES: u64 = 5;
/// How many of them are needed.
const THRESHOLD: u64 = 3;

/// A new store.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Shares of the unseal key; 5 by default.
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub key_shares: Option<u64>,
    /// How many of them unseal; 3 by default.
    #[arg(long, short = 't', value_name = "NUMBER")]
    pub key_threshold: Option<u64>,
    /// Files with a PGP key for each share, with commas between them.
    #[arg(long, value_name = "FILES")]
    pub pgp_keys: Vec<String>,
    /// A file with a PGP key for the root token.
    #[arg(long, value_name = "FILE")]
    pub root_token_pgp_key: Option<String>,
    /// Shares of the recovery key, where a server unseals itself.
    #[arg(long, value_name = "NUMBER")]
    pub recovery_shares: Option<u64>,
    /// How many of them make a quorum.
    #[arg(long, value_name = "NUMBER")]
    pub recovery_threshold: Option<u64>,
    /// Files with a PGP key for each of them, with commas between them.
    #[arg(long, value_name = "FILES")]
    pub recovery_pgp_keys: Vec<String>,
    /// Only tell whether there is a store: the status of this command is 0 if so, 2 if not, 1 if it cannot be asked.
    #[arg(long)]
    pub status: bool,
}

impl Act for Init {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        if self.status {
            return status(session);
        }
        let seal = session.whole(Ask::get("sys/seal-status"), "checking seal status")?;
        let recovery = seal["recovery_seal"] == true;
        let fields = self.fields(recovery)?;
        let made = session.whole(Ask::put("sys/init", &Value::Object(fields)), "initializing")?;
        let told = told(&made, recovery, self.quorum(recovery));
        session.show_as(&told, |told| shown(told, recovery))
    }
}

impl Init {
    fn quorum(&self, recovery: bool) -> (u64, u64) {
        let (shares, threshold) = match recovery {
            true => (self.recovery_shares, self.recovery_threshold),
            false => (self.key_shares, self.key_threshold),
        };
        (shares.unwrap_or(SHARES), threshold.unwrap_or(THRESHOLD))
    }

    fn fields(&self, recovery: bool) -> Result<Map<String, Value>, Error> {
        let (shares, threshold) = self.quorum(recovery);
        let mut fields = Map::new();
        let (names, keys, others) = match recovery {
            true => (
                ["recovery_shares", "recovery_threshold", "recovery_pgp_keys"],
                &self.recovery_pgp_keys,
                [("secret_shares", self.key_shares), ("secret_threshold", self.key_threshold)],
            ),
            false => (
                ["secret_shares", "secret_threshold", "pgp_keys"],
                &self.pgp_keys,
                [("recovery_shares", self.recovery_shares), ("recovery_threshold", self.recovery_threshold)],
            ),
        };
        put(&mut fields, names[0], Some(shares));
        put(&mut fields, names[1], Some(threshold));
        put(&mut fields, names[2], Some(pgp_keys(keys)?).filter(|keys| !keys.is_empty()));
        // What does not fit the seal is the server's to refuse.
        for (name, value) in others {
            put(&mut fields, name, value);
        }
        put(&mut fields, "root_token_pgp_key", self.root_token_pgp_key.as_deref().map(pgp_key).transpose()?);
        Ok(fields)
    }
}

fn status(session: &mut Session<'_>) -> Result<Exit, Error> {
    let status = session.whole(Ask::get("sys/init"), "checking init status")?;
    let initialized = status["initialized"] == true;
    session.show_as(&status, |_| {
        let text = if initialized { "The server is initialized" } else { "The server is not initialized" };
        text.to_owned()
    })?;
    Ok(if initialized { WELL } else { NOT_SO })
}

/// The names that programs read.
fn told(made: &Value, recovery: bool, (shares, threshold): (u64, u64)) -> Value {
    let keys = |name: &str| made.get(name).cloned().unwrap_or_else(|| json!([]));
    let (unseal, recover) = if recovery { ((0, 0), (shares, threshold)) } else { ((shares, threshold), (0, 0)) };
    json!({
        "unseal_keys_b64": keys("keys_base64"), "unseal_keys_hex": keys("keys"),
        "unseal_shares": unseal.0, "unseal_threshold": unseal.1,
        "recovery_keys_b64": keys("recovery_keys_base64"), "recovery_keys_hex": keys("recovery_keys"),
        "recovery_keys_shares": recover.0, "recovery_keys_threshold": recover.1,
        "root_token": made["root_token"],
    })
}

fn shown(told: &Value, recovery: bool) -> String {
    let (field, name) =
        if recovery { ("recovery_keys_b64", "Recovery Key") } else { ("unseal_keys_b64", "Unseal Key") };
    let keys = texts(told, field);
    let keys = keys.iter().enumerate().map(|(at, key)| format!("{name} {}: {}", at + 1, one_line(key)));
    let keys: Vec<String> = keys.collect();
    let root = one_line(told["root_token"].as_str().unwrap_or_default());
    let end = if recovery {
        format!(
            "The server unseals itself. {} of the recovery keys make a quorum, for a new root token for instance.\n\
             Give them to different people, and keep none of them here: they are not shown again.",
            words(&told["recovery_keys_threshold"])
        )
    } else {
        format!(
            "{} of these {} keys unseal the server, after each start.\n\
             Give them to different people, and keep none of them here: they are not shown again, and without enough of\n\
             them nothing that is stored can ever be read.",
            words(&told["unseal_threshold"]),
            words(&told["unseal_shares"])
        )
    };
    format!("{}\n\nInitial Root Token: {root}\n\n{end}", keys.join("\n"))
}
