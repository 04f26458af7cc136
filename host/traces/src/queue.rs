//! What waits to be sent: so much and no more, and nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use meter::{Meter, Spans};
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

/// Most spans that wait or are being sent; more are dropped and counted.
pub const QUEUE_MAX: usize = 2048;
/// Most spans that are sent at once.
pub const BATCH_MAX: usize = 512;
/// Longest time until a batch is sent that is not full.
const BATCH_EVERY: Duration = Duration::from_secs(1);

/// How many spans there are, and what became of the others.
#[derive(Debug)]
struct Count {
    waiting: AtomicUsize,
    /// The last batch was not taken: said once in the log, and not with every batch.
    away: AtomicBool,
    meter: Meter,
}

impl Count {
    /// A place for one more span, if there is one.
    fn enter(&self) -> bool {
        let one_more = |waiting| (waiting < QUEUE_MAX).then_some(waiting + 1);
        let room = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !room {
            self.meter.spans(Spans::Dropped, 1);
        }
        room
    }

    fn leave(&self, number: usize, sent: &OTelSdkResult) {
        self.waiting.fetch_sub(number, Ordering::Relaxed);
        self.meter.spans(if sent.is_ok() { Spans::Sent } else { Spans::Lost }, number);
        match sent {
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => tracing::info!("traces are taken again"),
            Ok(()) => {}
            Err(error) if !self.away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "traces are not taken by their receiver; what is lost is counted");
            }
            Err(error) => tracing::debug!(%error, "traces are still not taken"),
        }
    }
}

/// The way of a span that ended: counted, then into a batch. The batches are made and sent by a thread of their own.
#[derive(Debug)]
pub(crate) struct Queue {
    batches: BatchSpanProcessor,
    count: Arc<Count>,
}

impl Queue {
    pub(crate) fn new(exporter: impl SpanExporter + 'static, meter: Meter) -> Self {
        let count = Arc::new(Count { waiting: AtomicUsize::new(0), away: AtomicBool::new(false), meter });
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(BATCH_EVERY)
            .build();
        let exporter = Counted { exporter, count: Arc::clone(&count) };
        Self { batches: BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(), count }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.count.enter() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let done = self.batches.shutdown_with_timeout(timeout);
        let left = self.count.waiting.load(Ordering::Relaxed);
        if left > 0 {
            tracing::warn!(spans = left, "traces were not sent before the end");
        }
        done
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// An exporter that tells what became of its spans.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    count: Arc<Count>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let number = batch.len();
        let sent = self.exporter.export(batch).await;
        self.count.leave(number, &sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
