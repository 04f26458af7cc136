//! Whether a connection is still worth holding.
//!
//! hyper watches heads, and [`tokio_io_timeout`] writes. What neither sees: a connection that says nothing at all, one of
//! HTTP/2 that rests, and an answer of HTTP/2 whose client never opens its window.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::http::AnswerBody;

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the first request.
    pub(super) head: Duration,
    /// While an answer waits to be taken. One that is stuck is found after once to twice this time.
    pub(super) taking: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
}

/// How long a connection that was told to leave, and has nothing open, may take to say so.
const LEAVING_MAX: Duration = Duration::from_secs(1);

/// Why a connection is not held any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing has happened for long: it may be told to leave.
    Idle,
    /// It is cut off.
    Hopeless,
}

/// What one connection is doing.
pub struct Pulse {
    spoken: AtomicBool,
    next: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// Requests that are not answered to their end; since when the client is waited for, where it is.
    open: HashMap<u64, Option<Instant>>,
    /// When the last of them ended.
    ended: Instant,
}

impl Pulse {
    /// A connection that begins now.
    pub(super) fn new() -> Self {
        let state = State { open: HashMap::new(), ended: Instant::now() };
        Self { spoken: AtomicBool::new(false), next: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// A request that begins now.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.spoken.store(true, Ordering::Relaxed);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.with(|state| state.open.insert(id, None));
        Answering { pulse: Arc::clone(self), id, body: None }
    }

    /// Ends when the connection should. One that is leaving is waited for no longer than what it has open, and a little.
    pub(super) async fn watch(&self, patience: Patience, leaving: bool) -> Verdict {
        let began = Instant::now();
        loop {
            let spoken = self.spoken.load(Ordering::Relaxed);
            let patience = if leaving { Patience { idle: Duration::ZERO, ..patience } } else { patience };
            let next = match self.with(|state| state.due(patience)) {
                _ if !spoken && began.elapsed() >= patience.head => return Verdict::Hopeless,
                _ if !spoken => began + patience.head,
                Ok(due) => due,
                Err(Verdict::Idle) if leaving && began.elapsed() < LEAVING_MAX => began + LEAVING_MAX,
                Err(Verdict::Idle) if leaving => return Verdict::Hopeless,
                Err(verdict) => return verdict,
            };
            // A request may begin meanwhile, which is due earlier than rest would be.
            let often = if leaving { LEAVING_MAX } else { patience.taking };
            sleep_until(next.min(Instant::now() + often)).await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// When to look again, or what is to be done now.
    fn due(&self, patience: Patience) -> Result<Instant, Verdict> {
        let now = Instant::now();
        let (due, verdict) = match self.open.values().flatten().min() {
            Some(waiting) => (*waiting + patience.taking, Verdict::Hopeless),
            None if self.open.is_empty() => (self.ended + patience.idle, Verdict::Idle),
            None => (now + patience.taking, Verdict::Hopeless),
        };
        if due <= now { Err(verdict) } else { Ok(due) }
    }
}

/// A request until its answer is taken to the end, and then the answer's body.
pub struct Answering {
    pulse: Arc<Pulse>,
    id: u64,
    body: Option<AnswerBody>,
}

impl Answering {
    /// The answer is there: from now on the client is waited for.
    pub(super) fn with(mut self, body: AnswerBody) -> Self {
        self.body = Some(body);
        self.waiting_since(Some(Instant::now()));
        self
    }

    fn waiting_since(&self, since: Option<Instant>) {
        self.pulse.with(|state| state.open.insert(self.id, since));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.pulse.with(|state| {
            state.open.remove(&self.id);
            state.ended = Instant::now();
        });
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = <AnswerBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        // Whose turn it is now: ours to make more, or the client's to take this.
        self.waiting_since(polled.is_ready().then(Instant::now));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Either, Full};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_millis(10),
        taking: Duration::from_millis(50),
        idle: Duration::from_millis(200),
    };

    async fn ends(pulse: &Pulse) -> (Verdict, Duration) {
        let began = Instant::now();
        let verdict = pulse.watch(PATIENCE, false).await;
        (verdict, began.elapsed())
    }

    fn body() -> AnswerBody {
        Either::Left(Full::new(Bytes::from_static(b"text")))
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_cut_off() {
        let (verdict, after) = ends(&Pulse::new()).await;
        assert!(verdict == Verdict::Hopeless && after >= PATIENCE.head);
    }

    #[tokio::test]
    async fn one_that_rests_is_told_to_leave() {
        let pulse = Arc::new(Pulse::new());
        drop(pulse.answering());
        let (verdict, after) = ends(&pulse).await;
        assert!(verdict == Verdict::Idle && after + Duration::from_millis(20) >= PATIENCE.idle);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_not_kept() {
        let pulse = Arc::new(Pulse::new());
        let answer = pulse.answering().with(body());
        let (verdict, after) = ends(&pulse).await;
        assert!(verdict == Verdict::Hopeless && after + Duration::from_millis(20) >= PATIENCE.taking);
        drop(answer);
    }

    #[tokio::test]
    async fn a_request_that_takes_us_long_is_no_fault_of_the_client() {
        let pulse = Arc::new(Pulse::new());
        let answering = pulse.answering();
        assert!(tokio::time::timeout(PATIENCE.idle * 2, pulse.watch(PATIENCE, false)).await.is_err());
        drop(answering);
    }
}
