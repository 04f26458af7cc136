//! Bodies that are read whole: bounded each, and bounded together.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use model::{Fault, Kind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of all bodies that one listener holds at once, unless a single one may be larger than half of it.
const TOGETHER_MAX: usize = 512 << 20;
/// When to come back after there was no room.
const FULL_WAIT: Duration = Duration::from_secs(1);

/// What bodies may cost.
pub(super) struct Bounds {
    size: usize,
    time: Duration,
    together: Arc<Semaphore>,
}

/// A body, and the room that it takes as long as it is held.
#[derive(Default)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Bounds {
    pub(super) fn new(size: usize, time: Duration) -> Self {
        let together = TOGETHER_MAX.max(size.saturating_mul(2)).min(Semaphore::MAX_PERMITS);
        Self { size, time, together: Arc::new(Semaphore::new(together)) }
    }

    /// Reads a body to its end, or as far as the bounds go.
    pub(super) async fn read(&self, body: Incoming) -> Result<Held, Fault> {
        // A body that says it is too large is not read at all.
        if body.size_hint().lower() > self.size as u64 {
            return Err(too_large());
        }
        match tokio::time::timeout(self.time, self.collect(body)).await {
            Ok(collected) => collected,
            Err(_elapsed) => {
                Err(Fault::invalid(format!("the request body did not arrive within {} seconds", self.time.as_secs())))
            }
        }
    }

    async fn collect(&self, mut body: Incoming) -> Result<Held, Fault> {
        let mut held = Held::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Fault::invalid("the request body could not be read to its end"))?;
            let Ok(piece) = frame.into_data() else { continue };
            if piece.len() > self.size - held.bytes.len() {
                return Err(too_large());
            }
            let more = self.room(piece.len())?;
            match &mut held.room {
                Some(room) => room.merge(more),
                none => *none = Some(more),
            }
            held.bytes.extend_from_slice(&piece);
        }
        Ok(held)
    }

    fn room(&self, size: usize) -> Result<OwnedSemaphorePermit, Fault> {
        let size = u32::try_from(size).map_err(|_| too_large())?;
        let full = |_| Fault::new(Kind::Unavailable, "too many request bodies at once").retry_after(FULL_WAIT);
        Arc::clone(&self.together).try_acquire_many_owned(size).map_err(full)
    }
}

fn too_large() -> Fault {
    Fault::new(Kind::TooLarge, "http: request body too large")
}
