//! Sending a request, and sending it again while that may help and the deadline allows it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::failure::Failure;
use crate::ring::Ring;

/// Longest wait for one answer. A connection that died silently costs this, and then another one is tried.
const ATTEMPT_MAX: Duration = Duration::from_secs(15);
/// The first pause, and the longest. Each pause is twice the one before, less a random part of up to a half.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Sends until there is an answer, an error that will not pass, or no time. Every request that goes through here may be
/// sent twice without harm.
pub(crate) async fn call<T, Sent>(
    ring: &Ring,
    method: &'static str,
    deadline: Instant,
    send: impl Fn(Duration) -> Sent,
) -> Result<T, Failure>
where
    Sent: Future<Output = google_cloud_kms_v1::Result<T>>,
{
    let late = || Failure::late(method);
    if deadline <= Instant::now() {
        return Err(late());
    }
    let _turn = ring.turn(deadline).await?;
    let mut tries = 0;
    loop {
        let now = Instant::now();
        let until = deadline.min(now + ATTEMPT_MAX);
        let failure = match timeout_at(until, send(until.saturating_duration_since(now))).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::of(method, &error),
            Err(_) => late(),
        };
        tries += 1;
        let again = Instant::now() + pause(tries);
        if tries >= failure.tries_max() || again >= deadline {
            return Err(failure);
        }
        tracing::debug!(method, tries, %failure, "Cloud KMS is asked again");
        sleep_until(again).await;
    }
}

/// How long to wait after so many tries.
pub(crate) fn pause(tries: u32) -> Duration {
    let whole = PAUSE_MIN.saturating_mul(1 << (tries.clamp(1, 16) - 1)).min(PAUSE_MAX);
    // A new one has new random keys: no more than that is needed to keep nodes from knocking all at once.
    let random = RandomState::new().hash_one(tries) % 512;
    whole - whole.mul_f64(f64::from(u16::try_from(random).unwrap_or(0)) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_the_same_for_all() {
        assert!((0..100).all(|_| pause(1) <= PAUSE_MIN && pause(1) >= PAUSE_MIN / 2));
        assert!((0..100).all(|_| pause(1000) <= PAUSE_MAX && pause(1000) >= PAUSE_MAX / 2));
        let many: std::collections::HashSet<Duration> = (0..100).map(|_| pause(3)).collect();
        assert!(many.len() > 10, "{many:?}");
    }
}
