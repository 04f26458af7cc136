//! The trace of one request, or of work that no request waits for.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as Recorded};

use crate::headers;
use crate::span::{Asks, Span, cut};

/// Most spans of one request, beside its own; others are counted in its attribute `innkeeper.spans.omitted`.
pub const SPANS_MAX: u32 = 64;

/// The trace of one request, or of work that no request waits for; nothing while traces are off. Cloning shares it. It ends
/// with [`Trace::answered`] or [`Trace::ended`], or when the last one of it is dropped: then nobody waited for the answer.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Whole>>);

/// What the spans of a request share.
pub(crate) struct Whole {
    tracer: SdkTracer,
    /// The request's own span.
    span: Mutex<Recorded>,
    context: SpanContext,
    id: String,
    /// How many more spans there may be.
    left: AtomicU32,
    omitted: AtomicU32,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.id()).finish()
    }
}

impl Trace {
    pub(crate) fn of_request(tracer: SdkTracer, parent: Option<SpanContext>) -> Self {
        let above = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        Self::begin(tracer, SpanBuilder::from_name("request").with_kind(SpanKind::Server), above)
    }

    pub(crate) fn of_work(tracer: SdkTracer, name: &'static str) -> Self {
        Self::begin(tracer, SpanBuilder::from_name(name).with_kind(SpanKind::Internal), Context::new())
    }

    fn begin(tracer: SdkTracer, builder: SpanBuilder, above: Context) -> Self {
        let span = tracer.build_with_context(builder, &above);
        let context = span.span_context().clone();
        let (left, omitted) = (AtomicU32::new(SPANS_MAX), AtomicU32::new(0));
        let id = context.trace_id().to_string();
        Self(Some(Arc::new(Whole { tracer, span: Mutex::new(span), context, id, left, omitted })))
    }

    /// Its identifier, for log lines: 32 hexadecimal digits. It is there also where the trace is not recorded here,
    /// because others may record it.
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(|whole| whole.id.as_str())
    }

    /// Whether anybody will read what it says: what costs to find out is worth it then.
    pub fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|whole| whole.context.is_sampled())
    }

    /// Names the request after what it wanted and where that is, as an engine describes it: `update`, `sign/{role}`.
    pub fn name(&self, operation: &str, template: &str) {
        self.on_span(|span| span.update_name(cut(&format!("{operation} {template}"))));
    }

    /// Says something of the request; the text is cut at [`crate::VALUE_MAX`] bytes.
    pub fn text(&self, key: &'static str, value: &str) {
        self.on_span(|span| span.set_attribute(KeyValue::new(key, cut(value))));
    }

    /// The request was answered with this status, and ends.
    pub fn answered(&self, status: u16) {
        self.on_span(|span| span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status))));
        // What a client did wrong is no error of the server.
        self.ended((status >= 500).then_some(""));
    }

    /// Work that no request waits for ends. The reason, if it failed, is one of few, and nothing that somebody sent.
    pub fn ended(&self, failed: Option<&'static str>) {
        let Some(whole) = &self.0 else { return };
        self.on_span(|span| {
            let omitted = whole.omitted.load(Ordering::Relaxed);
            if omitted > 0 {
                span.set_attribute(KeyValue::new("innkeeper.spans.omitted", i64::from(omitted)));
            }
            if let Some(why) = failed {
                span.set_status(Status::error(why));
            }
            span.end();
        });
    }

    /// A part of the request begins; it ends with the value. The name is one of few, and no part of a path.
    pub fn span(&self, name: &'static str, asks: Asks) -> Span {
        match &self.0 {
            Some(whole) => whole.span(&whole.context, name, asks),
            None => Span::default(),
        }
    }

    /// The headers that say this trace to another server that is asked for the request.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        self.0.as_ref().map(|whole| headers::write(&whole.context)).unwrap_or_default()
    }

    fn on_span(&self, change: impl FnOnce(&mut Recorded)) {
        let Some(whole) = self.0.as_ref().filter(|whole| whole.context.is_sampled()) else { return };
        change(&mut whole.span.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Whole {
    /// A span below another one, if there may be one more.
    pub(crate) fn span(self: &Arc<Self>, above: &SpanContext, name: &'static str, asks: Asks) -> Span {
        let one_less = |left: u32| left.checked_sub(1);
        let recorded = if !self.context.is_sampled() {
            None
        } else if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            self.omitted.fetch_add(1, Ordering::Relaxed);
            None
        } else {
            let builder = SpanBuilder::from_name(name).with_kind(match asks {
                Asks::Nobody => SpanKind::Internal,
                Asks::Another => SpanKind::Client,
            });
            let above = Context::new().with_remote_span_context(above.clone());
            Some(self.tracer.build_with_context(builder, &above))
        };
        let context = recorded.as_ref().map_or(above, |span| span.span_context()).clone();
        Span::below(Arc::clone(self), recorded, context)
    }
}
