//! How many requests of a mount run at once, where operators said a number.

use std::sync::Arc;
use std::time::Duration;

use model::{Fault, Id, Kind};
use quick_cache::sync::Cache;
use tenancy::Mount;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most mounts whose turns are remembered; of one that is forgotten, requests under way are no longer counted.
const MOUNTS_MAX: usize = 10_000;

/// The turns of this node's mounts, by the number that was said: another number begins to count anew.
pub struct Turns(Cache<(Id, usize), Arc<Semaphore>>);

impl Default for Turns {
    fn default() -> Self {
        Self(Cache::new(MOUNTS_MAX))
    }
}

impl Turns {
    /// Takes a turn, where the mount has so many; it is given back when the value goes.
    pub(crate) fn take(&self, mount: &Mount) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        let Some(most) = mount.config.powers.concurrency_max else { return Ok(None) };
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let key = (mount.id, most);
        let turns = self.0.get_or_insert_with(&key, || Ok::<_, Fault>(Arc::new(Semaphore::new(most))))?;
        turns.try_acquire_owned().map(Some).map_err(|_| {
            Fault::new(
                Kind::Unavailable,
                format!("{most} requests of this mount are under way, and it may have no more"),
            )
            .retry_after(Duration::from_secs(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use model::MountPath;

    use super::*;

    fn mount(most: Option<u64>) -> Mount {
        let path = MountPath::parse("m").unwrap();
        let mut mount = Mount::new(Id::from_random([1; 16]), Id::nil(), path, "kv");
        mount.config.powers.concurrency_max = most;
        mount
    }

    #[test]
    fn one_too_many_is_sent_away_until_another_has_gone() {
        let (turns, mount) = (Turns::default(), mount(Some(2)));
        let _first = turns.take(&mount).unwrap();
        let second = turns.take(&mount).unwrap();
        let refused = turns.take(&mount).unwrap_err();
        assert_eq!((refused.kind, refused.retry_after), (Kind::Unavailable, Some(Duration::from_secs(1))));
        drop(second);
        assert!(turns.take(&mount).unwrap().is_some());
    }

    #[test]
    fn a_mount_of_which_nothing_was_said_has_no_turns() {
        let (turns, mount) = (Turns::default(), mount(None));
        assert!(turns.take(&mount).unwrap().is_none());
    }
}
