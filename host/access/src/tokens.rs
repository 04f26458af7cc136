//! Tokens: bearer secrets, kept as keyed hashes.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Fault;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Store, Transaction};

/// Length of the random root tokens that [`Tokens::create_root`] makes, in bytes.
pub const ROOT_TOKEN_LEN: usize = 28;
/// Longest token that is looked up, in bytes.
const TOKEN_MAX: usize = 8192;

/// Who asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Principal {
    /// Names the token without being it.
    pub accessor: String,
    /// The token's policies.
    pub policies: Vec<String>,
    /// What people call it.
    pub display_name: String,
    /// Seconds since 1970.
    pub creation_time: u64,
}

impl Principal {
    /// Whether this is a root token.
    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == "root")
    }
}

/// The token store. Stored are `salt` and `hash/<keyed hash of the token>`.
pub struct Tokens {
    salt: hmac::Key,
}

fn drawer() -> Drawer {
    Drawer::new(&["token"])
}

impl Tokens {
    /// Makes the token store's salt in a new store, and opens it.
    pub fn found(transaction: &mut Transaction) -> Result<Self, Fault> {
        let salt = random::<32>()?;
        transaction.put(&drawer(), "salt", salt.to_vec()).map_err(broken)?;
        Ok(Self { salt: hmac::Key::new(hmac::HMAC_SHA256, &salt) })
    }

    /// Opens the token store.
    pub async fn open(store: &Store) -> Result<Self, Fault> {
        let mut transaction = store.begin().await.map_err(broken)?;
        let salt = transaction.get(&drawer(), "salt").await.map_err(broken)?;
        let salt = salt.ok_or_else(|| Fault::internal("the token store has no salt"))?;
        Ok(Self { salt: hmac::Key::new(hmac::HMAC_SHA256, &salt) })
    }

    /// Makes a root token: this one, or a random one.
    pub async fn create_root(
        &self,
        transaction: &mut Transaction,
        id: Option<SecretString>,
        now: u64,
    ) -> Result<SecretString, Fault> {
        let token = match id {
            Some(id) => id,
            None => SecretString::from(format!("hvs.{}", URL_SAFE_NO_PAD.encode(random::<18>()?))),
        };
        let principal = Principal {
            accessor: URL_SAFE_NO_PAD.encode(random::<18>()?),
            policies: vec!["root".into()],
            display_name: "root".into(),
            creation_time: now,
        };
        transaction.put_json(&drawer(), &self.key(&token), &principal).map_err(broken)?;
        Ok(token)
    }

    /// Who a token belongs to; `None` if nobody.
    pub async fn lookup(
        &self,
        transaction: &mut Transaction,
        token: &SecretString,
    ) -> Result<Option<Principal>, Fault> {
        let length = token.expose_secret().len();
        if length == 0 || length > TOKEN_MAX {
            return Ok(None);
        }
        transaction.get_json(&drawer(), &self.key(token)).await.map_err(broken)
    }

    fn key(&self, token: &SecretString) -> String {
        format!("hash/{}", hex::encode(hmac::sign(&self.salt, token.expose_secret().as_bytes())))
    }
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(bytes)
}

fn broken(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "the token store cannot be read").detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use storage::memory::Memory;

    use super::*;
    use crate::{Demands, admit};

    #[tokio::test]
    async fn only_the_token_that_was_made_is_found_and_it_is_not_stored() {
        let store = Store::new(Memory::new());
        let mut tx = store.begin().await.unwrap();
        let token = Tokens::found(&mut tx).unwrap().create_root(&mut tx, None, 0).await.unwrap();
        tx.commit().await.unwrap();
        let tokens = Tokens::open(&store).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(tokens.lookup(&mut tx, &token).await.unwrap().unwrap().is_root());
        for wrong in ["", "hvs.wrong", &"x".repeat(TOKEN_MAX + 1)] {
            assert!(tokens.lookup(&mut tx, &SecretString::from(wrong)).await.unwrap().is_none());
        }
        let names = tx.list(&drawer(), "hash/", None, 0).await.unwrap().names.concat();
        assert!(!names.contains(token.expose_secret()));
    }

    #[test]
    fn without_a_token_only_open_routes_answer() {
        assert!(admit(None, Demands { unauthenticated: true, sudo: false }).is_ok());
        assert!(admit(None, Demands::default()).is_err());
    }
}
