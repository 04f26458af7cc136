//! Bodies that are read piece by piece, as far as whoever takes them wants.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use model::{Chunks, Fault, Kind};

/// Most bytes of one upload.
const UPLOAD_MAX: u64 = 64 << 30;
/// Longest wait for the next bytes.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The body of a request, nothing of which has been read.
pub(crate) struct Upload {
    body: Incoming,
    left: u64,
}

impl Upload {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, left: UPLOAD_MAX }
    }
}

#[async_trait]
impl Chunks for Upload {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            let frame = match tokio::time::timeout(SILENCE_MAX, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Fault::invalid("the upload broke off before its end")),
                Err(_elapsed) => {
                    return Err(Fault::invalid(format!("the upload was silent for {} seconds", SILENCE_MAX.as_secs())));
                }
            };
            let Ok(piece) = frame.into_data() else { continue };
            let size = piece.len() as u64;
            self.left = self.left.checked_sub(size).ok_or_else(too_large)?;
            if size > 0 {
                return Ok(Some(piece.into()));
            }
        }
    }
}

fn too_large() -> Fault {
    Fault::new(Kind::TooLarge, format!("an upload has at most {} GiB", UPLOAD_MAX >> 30))
}
