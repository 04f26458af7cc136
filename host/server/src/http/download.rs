//! Answers that are made while they are sent.

use std::time::Duration;

use http_body_util::channel::{Channel, Sender};
use hyper::body::Bytes;
use model::{Fault, Kind, Stream};
use tokio::time::{Instant, timeout_at};

/// Longest time that one answer may take: what it is made of is held as long.
const ANSWER_MAX: Duration = Duration::from_secs(6 * 3600);
/// Longest time that a client may take nothing.
const STALL_MAX: Duration = Duration::from_secs(120);
/// How many pieces wait for the client.
const WAITING: usize = 2;

/// The body of an answer that is made as the client takes it. It is made in a task of its own, so that its bounds hold
/// even while nobody asks for more; a client that goes away ends the task.
pub(crate) fn body(stream: Stream) -> Channel<Bytes, Fault> {
    let (sender, body) = Channel::new(WAITING);
    tokio::spawn(send(stream, sender));
    body
}

async fn send(Stream(mut chunks): Stream, mut sender: Sender<Bytes, Fault>) {
    let end = Instant::now() + ANSWER_MAX;
    let late = || Fault::new(Kind::Unavailable, "the client took too long");
    let fault = loop {
        let piece = match timeout_at(end, chunks.next()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return,
            Ok(Err(fault)) => break fault,
            Err(_elapsed) => break late(),
        };
        let taken = end.min(Instant::now() + STALL_MAX);
        match timeout_at(taken, sender.send_data(piece.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => return,
            Err(_elapsed) => break late(),
        }
    };
    // The status is long gone: all that is left is to break the answer off, so that nobody takes it for a whole one.
    tracing::warn!(error = %fault, "an answer was broken off");
    sender.abort(fault);
}
