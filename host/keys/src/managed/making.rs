//! Keys that are being made: one request at a time, over all nodes.
//!
//! A token may show a node late what another one made in it, so two that look at once both find nothing, and make two keys
//! of one name, which nobody can tell apart afterwards. So whoever makes a key claims it first, in the store that nodes
//! share, in a transaction of its own: a request's writes must not be committed before its answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Id;
use serde::{Deserialize, Serialize};
use storage::Store;
use tokio::time::{Instant, sleep};

use super::ManagedKey;
use crate::registry::drawer;
use crate::{Act, Description, Error, Used, random};

/// Longest time that a claim holds, in seconds: after it whoever made it is taken for dead.
const CLAIM_TIME: u64 = 60;
/// How often one who waits looks again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who is making a key, and until when nobody else does.
#[derive(Serialize, Deserialize)]
struct Claim {
    by: Id,
    until: u64,
}

impl ManagedKey {
    /// Makes the key, unless it is there by the time that it is this request's turn.
    pub(super) async fn make(&self, deadline: Instant) -> Result<Description, Error> {
        self.governed(self.use_of(Act::Generate)).await?;
        let driver = self.driver()?;
        let (provider, locator) = (&self.entry.provider, &self.entry.record.locator);
        let made = self.in_turn(deadline, |until| driver.generate(provider, locator, until)).await;
        if let Ok(made) = &made {
            tracing::info!(key = self.name(), key_type = %made.key_type, "a managed key was absent and has been made");
        }
        let key_type = made.as_ref().ok().map(|made| made.key_type);
        self.witness(Used { key_type, ..self.use_of(Act::Generate) }, made).await
    }

    /// Does what changes the key in its home, one such act at a time over all nodes, by a deadline that the act is told.
    pub(super) async fn in_turn<T, Done>(
        &self,
        deadline: Instant,
        act: impl FnOnce(Instant) -> Done,
    ) -> Result<T, Error>
    where
        Done: Future<Output = Result<T, Error>>,
    {
        let uuid = self.entry.record.uuid;
        let turn = self.service.turn(uuid);
        let done = match tokio::time::timeout_at(deadline, turn.lock()).await {
            Ok(_turn) => self.claimed(deadline, act).await,
            Err(_) => Err(Error::Timeout),
        };
        self.service.end_turn(uuid, &turn);
        done
    }

    async fn claimed<T, Done>(&self, deadline: Instant, act: impl FnOnce(Instant) -> Done) -> Result<T, Error>
    where
        Done: Future<Output = Result<T, Error>>,
    {
        let Some(store) = &self.service.claims else { return act(deadline).await };
        let path = format!("making/{}", self.entry.record.uuid);
        let by = self.claim(store, &path, deadline).await?;
        // Nobody else begins before the claim is over.
        let within = deadline.min(Instant::now() + Duration::from_secs(CLAIM_TIME));
        let done = act(within).await;
        // What was not answered in time may still be under way.
        if !matches!(done, Err(Error::Timeout)) {
            self.release(store, &path, by).await;
        }
        done
    }

    async fn claim(&self, store: &Store, path: &str, deadline: Instant) -> Result<Id, Error> {
        let drawer = drawer(self.namespace);
        loop {
            let mut transaction = store.begin().await?;
            let now = now();
            let claim: Option<Claim> = transaction.get_json(&drawer, path).await?;
            // What lies further ahead than any claim was made by a clock that has since gone back.
            let is_held = claim.is_some_and(|claim| (now + 1..=now + CLAIM_TIME).contains(&claim.until));
            if !is_held {
                let by = random::id()?;
                transaction.put_json(&drawer, path, &Claim { by, until: now + CLAIM_TIME })?;
                match transaction.commit().await {
                    Ok(()) => return Ok(by),
                    Err(storage::Error::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if Instant::now() + LOOK_EVERY >= deadline {
                return Err(Error::Timeout);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Gives a claim back. One that cannot be given back ends by itself.
    async fn release(&self, store: &Store, path: &str, by: Id) {
        let given_back = async {
            let drawer = drawer(self.namespace);
            let mut transaction = store.begin().await?;
            let claim: Option<Claim> = transaction.get_json(&drawer, path).await?;
            if claim.is_some_and(|claim| claim.by == by) {
                transaction.delete(&drawer, path)?;
                transaction.commit().await?;
            }
            Ok::<_, storage::Error>(())
        };
        if let Err(error) = given_back.await {
            tracing::warn!(key = self.name(), %error, "the claim to make a key is not given back; it ends by itself");
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
