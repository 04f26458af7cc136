//! Counts what happens.
//!
//! **For:** one [`Meter`] per process, which rooms are given and tell what they did, and which says all of it in the
//! format of Prometheus. **Never:** global state; a label that a stranger chooses: there are as many series as there are
//! operations, statuses, engines and providers. **In, out:** events in, text out. **Meet first:** [`Meter`].
//! **Errors:** none: what cannot be counted is not worth failing a request.
#![forbid(unsafe_code)]

mod guests;
mod under_way;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Operation;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use guests::{Bound, Used};
pub use under_way::{Request, UnderWay};

/// The media type of what [`Meter::text`] says.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts what happens in this process. Cloning shares it.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Led, Histogram, fn() -> Histogram>,
    under_way: Arc<under_way::All>,
    connections: Gauge,
    commits: Family<Outcome, Counter>,
    guests: Family<Entered, Counter>,
    use_of_guests: guests::Guests,
    keys: Family<KeyUse, Counter>,
    refused: Counter,
    entries: Family<Kind, Gauge>,
    spans: Family<Outcome, Counter>,
}

/// Labels of a request that was answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    mount_type: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Led {
    mount_type: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Entered {
    engine: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KeyUse {
    provider: &'static str,
    act: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// How an entry into a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// With an answer.
    Answered,
    /// With a refusal of its own.
    Refused,
    /// With a trap: it cost the instance.
    Trapped,
    /// It took longer than it may.
    Late,
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Everything was written.
    Done,
    /// It lost against another; nothing was written.
    Lost,
    /// The store failed.
    Failed,
}

/// What became of spans of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spans {
    /// Their receiver took them.
    Sent,
    /// Too many waited already.
    Dropped,
    /// Their receiver did not take them.
    Lost,
}

/// Bounds of durations, in seconds: from a tenth of a millisecond to half a minute.
const SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Meter {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("innkeeper");
        let under_way = Arc::new(under_way::All::default());
        let inner = Inner {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            connections: Gauge::default(),
            commits: Family::default(),
            guests: Family::default(),
            use_of_guests: guests::Guests::default(),
            keys: Family::default(),
            refused: Counter::default(),
            entries: Family::default(),
            spans: Family::default(),
            under_way,
            registry: Registry::default(),
        };
        registry.register("requests", "Requests that were answered", inner.requests.clone());
        let help = "How long requests took, from their head to their answer";
        registry.register("request_duration_seconds", help, inner.durations.clone());
        registry.register("requests_under_way", "Requests that are not answered yet", inner.under_way.gauge());
        registry.register("connections", "Connections that are open", inner.connections.clone());
        registry.register("storage_commits", "Transactions that were to be written", inner.commits.clone());
        registry.register("engine_calls", "Entries into engines", inner.guests.clone());
        inner.use_of_guests.register(&mut registry);
        registry.register("key_uses", "Uses of managed keys", inner.keys.clone());
        registry.register("quota_refusals", "Requests that a quota refused", inner.refused.clone());
        registry.register("entries", "How many there are of a kind", inner.entries.clone());
        registry.register("trace_spans", "Spans of traces", inner.spans.clone());
        Self(Arc::new(Inner { registry, ..inner }))
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Meter {
    /// A request was answered by a mount of this type; empty where none was reached.
    pub fn answered(&self, operation: Operation, mount_type: &str, status: u16, took: Duration) {
        let mount_type = if mount_type.is_empty() { "none" } else { mount_type };
        let labels = Answered { operation: operation.name(), mount_type: mount_type.to_owned(), status };
        self.0.requests.get_or_create(&labels).inc();
        self.0.durations.get_or_create(&Led { mount_type: mount_type.to_owned() }).observe(took.as_secs_f64());
    }

    /// A request begins; it ends with the value.
    pub fn begin(&self, request: Request) -> UnderWay {
        self.0.under_way.begin(request)
    }

    /// The requests that are not answered yet, oldest first.
    pub fn under_way(&self) -> Vec<Request> {
        self.0.under_way.all()
    }

    /// A connection begins; it ends with the value.
    pub fn connected(&self) -> Connected {
        self.0.connections.inc();
        Connected(self.0.connections.clone())
    }

    /// A transaction was to be written.
    pub fn committed(&self, commit: Commit) {
        let outcome = match commit {
            Commit::Done => "done",
            Commit::Lost => "conflict",
            Commit::Failed => "failed",
        };
        self.0.commits.get_or_create(&Outcome { outcome }).inc();
    }

    /// An engine was entered, and used so much.
    pub fn entered(&self, engine: &str, entry: Entry, used: &Used) {
        self.0.use_of_guests.count(engine, used);
        let outcome = match entry {
            Entry::Answered => "answered",
            Entry::Refused => "refused",
            Entry::Trapped => "trapped",
            Entry::Late => "late",
        };
        self.0.guests.get_or_create(&Entered { engine: engine.to_owned(), outcome }).inc();
    }

    /// A managed key of this type of provider was used, and how that ended.
    pub fn used(&self, provider: &'static str, act: &'static str, outcome: &'static str) {
        self.0.keys.get_or_create(&KeyUse { provider, act, outcome }).inc();
    }

    /// A quota refused a request.
    pub fn refused(&self) {
        self.0.refused.inc();
    }

    /// There are so many of a kind, as somebody counted who asks for the text.
    pub fn entries(&self, kind: &'static str, number: usize) {
        self.0.entries.get_or_create(&Kind { kind }).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// This became of so many spans.
    pub fn spans(&self, became: Spans, number: usize) {
        let outcome = match became {
            Spans::Sent => "sent",
            Spans::Dropped => "dropped",
            Spans::Lost => "lost",
        };
        self.0.spans.get_or_create(&Outcome { outcome }).inc_by(number as u64);
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.0.registry);
        text
    }
}

/// A connection as long as it is open.
#[derive(Debug)]
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_said_in_the_format_of_prometheus() {
        let meter = Meter::default();
        let peer = ([127, 0, 0, 1], 1).into();
        let request = Request { id: "1".into(), path: "a".into(), operation: "read", peer, since: 5 };
        let (open, connection) = (meter.begin(request), meter.clone().connected());
        meter.answered(Operation::Read, "pki", 200, Duration::from_millis(2));
        meter.answered(Operation::Read, "", 403, Duration::from_millis(2));
        meter.committed(Commit::Lost);
        let used =
            Used { busy: Duration::from_millis(2), memory: 3 << 20, bounds: vec![Bound::Memory], ..Used::default() };
        meter.entered("pki", Entry::Trapped, &used);
        meter.used("pkcs11", "sign", "done");
        meter.entries("mounts", 3);
        meter.spans(Spans::Dropped, 2);
        let text = meter.text();
        for line in [
            "innkeeper_requests_total{operation=\"read\",mount_type=\"pki\",status=\"200\"} 1",
            "innkeeper_requests_total{operation=\"read\",mount_type=\"none\",status=\"403\"} 1",
            "innkeeper_request_duration_seconds_bucket{mount_type=\"pki\",le=\"0.003\"} 1",
            "innkeeper_requests_under_way 1",
            "innkeeper_connections 1",
            "innkeeper_storage_commits_total{outcome=\"conflict\"} 1",
            "innkeeper_engine_calls_total{engine=\"pki\",outcome=\"trapped\"} 1",
            "innkeeper_engine_busy_seconds_bucket{engine=\"pki\",le=\"0.001\"} 0",
            "innkeeper_engine_busy_seconds_bucket{engine=\"pki\",le=\"0.01\"} 1",
            "innkeeper_engine_waiting_seconds_count{engine=\"pki\"} 1",
            "innkeeper_engine_memory_bytes_bucket{engine=\"pki\",le=\"4.194304e+06\"} 1",
            "innkeeper_engine_refusals_total{engine=\"pki\",bound=\"memory\"} 1",
            "innkeeper_key_uses_total{provider=\"pkcs11\",act=\"sign\",outcome=\"done\"} 1",
            "innkeeper_entries{kind=\"mounts\"} 3",
            "innkeeper_trace_spans_total{outcome=\"dropped\"} 2",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} is not in {text}");
        }
        assert_eq!(meter.under_way()[0].path, "a");
        drop((open, connection));
        assert!(meter.text().contains("innkeeper_requests_under_way 0") && meter.under_way().is_empty());
    }
}
