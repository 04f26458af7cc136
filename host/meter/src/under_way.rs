//! Requests that are not answered yet.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

/// A request that is not answered yet.
#[derive(Clone, Debug)]
pub struct Request {
    /// Identifies it in logs and its answer.
    pub id: String,
    /// Below `/v1/`.
    pub path: String,
    /// What is wanted.
    pub operation: &'static str,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Seconds since 1970.
    pub since: u64,
}

/// A request until it is answered.
#[derive(Debug)]
pub struct UnderWay {
    all: Arc<All>,
    number: u64,
}

#[derive(Debug, Default)]
pub(crate) struct All {
    state: Mutex<State>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    requests: BTreeMap<u64, Request>,
}

impl All {
    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    pub(crate) fn begin(self: &Arc<Self>, request: Request) -> UnderWay {
        self.gauge.inc();
        let number = self.with(|state| {
            state.next += 1;
            state.requests.insert(state.next, request);
            state.next
        });
        UnderWay { all: Arc::clone(self), number }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.with(|state| state.requests.values().cloned().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.with(|state| state.requests.remove(&self.number));
        self.all.gauge.dec();
    }
}
