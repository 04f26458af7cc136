//! Says what requests did, and how long each part of it took.
//!
//! **For:** OpenTelemetry traces: one [`Trace`] per request, which the corridor carries with the request, or per piece of
//! work that no request waits for, and [`Span`]s below it: an entry into a guest, what the guest asked of the host, what a
//! policy said. They go to a receiver by OTLP over HTTP. **Never:**
//! keeps a request waiting, holds more spans than [`QUEUE_MAX`], or finds out by itself what belongs to a trace: whoever
//! does something is given the trace that it belongs to. What goes into spans are names that operators and engines
//! chose, never a parameter, a token or a path. **In, out:** the headers `traceparent` and `tracestate` of whoever asks
//! in; spans, and the same headers for whoever is asked, out. **Meet first:** [`Traces`], [`Trace`], [`Span`].
//! **Errors:** [`Unusable`] at the start; later nothing fails for its trace, what is not sent is counted by the meter.
#![forbid(unsafe_code)]

mod headers;
mod queue;
mod sender;
mod settings;
mod span;
mod trace;
mod traces;

pub use headers::{STATE_MAX, STATE_MEMBERS_MAX};
pub use queue::{BATCH_MAX, QUEUE_MAX};
pub use sender::SEND_MAX;
pub use settings::{ENDPOINT_MAX, HEADERS_MAX, Settings, Unusable};
pub use span::{Asks, Span, VALUE_MAX};
pub use trace::{SPANS_MAX, Trace};
pub use traces::{CLOSE_MAX, Traces};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_with_a_request_from_thread_to_thread() {
        fn goes<T: Send + Sync + 'static>() {}
        goes::<Traces>();
        goes::<Trace>();
        goes::<Span>();
    }
}
