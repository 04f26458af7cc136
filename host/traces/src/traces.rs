//! Traces of a process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use meter::Meter;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::headers;
use crate::queue::Queue;
use crate::sender::{SEND_MAX, Sender};
use crate::settings::{Settings, Unusable};
use crate::trace::Trace;

/// Longest time that [`Traces::close`] takes.
pub const CLOSE_MAX: Duration = Duration::from_secs(2);
/// Most attributes of a span.
const ATTRIBUTES_MAX: u32 = 32;

/// What makes traces, one per process; off unless started. Cloning shares it.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<On>>);

struct On {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("on", &self.0.is_some()).finish_non_exhaustive()
    }
}

impl Traces {
    /// Begins to make traces and to send them; nothing is asked of the receiver yet. To be called where tokio runs: it
    /// sends what the traces' own thread gathers.
    pub fn start(settings: &Settings, meter: Meter) -> Result<Self, Unusable> {
        settings.check()?;
        let runtime = Handle::try_current().map_err(|error| Unusable::new("endpoint", error.to_string()))?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(settings, runtime)?)
            .with_endpoint(settings.address()?)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(SEND_MAX)
            .build()
            .map_err(|error| Unusable::new("endpoint", error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue::new(exporter, meter))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
            .with_max_attributes_per_span(ATTRIBUTES_MAX)
            .with_max_events_per_span(0)
            .with_max_links_per_span(0)
            .with_resource(resource(settings))
            .build();
        let tracer = provider.tracer("innkeeper");
        Ok(Self(Some(Arc::new(On { provider, tracer }))))
    }

    /// Whether there are any.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A request begins. Where its headers say a trace, well-formed, it is part of that, and whether it is recorded was
    /// decided there. Costs nothing while traces are off.
    pub fn begin(&self, headers: &HeaderMap) -> Trace {
        match &self.0 {
            Some(on) => Trace::of_request(on.tracer.clone(), headers::read(headers)),
            None => Trace::default(),
        }
    }

    /// Work begins that no request waits for, in a trace of its own. The name is one of few. Costs nothing while traces are
    /// off.
    pub fn work(&self, name: &'static str) -> Trace {
        match &self.0 {
            Some(on) => Trace::of_work(on.tracer.clone(), name),
            None => Trace::default(),
        }
    }

    /// Sends what still waits, for [`CLOSE_MAX`] at most; what begins later is not recorded. To be called before the
    /// process ends, while tokio still runs.
    pub async fn close(&self) {
        let Some(on) = &self.0 else { return };
        let provider = on.provider.clone();
        let closed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(CLOSE_MAX));
        match tokio::time::timeout(CLOSE_MAX, closed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "traces did not end in order"),
            Ok(Err(error)) => tracing::warn!(%error, "traces did not end in order"),
            Err(_elapsed) => tracing::warn!("traces did not end in time"),
        }
    }
}

/// What every span says of where it comes from. Nothing is taken from the environment.
fn resource(settings: &Settings) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "innkeeper"),
            KeyValue::new("service.version", settings.version.clone()),
            KeyValue::new("innkeeper.cluster", settings.cluster.clone()),
        ])
        .build()
}
