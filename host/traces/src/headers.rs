//! `traceparent` and `tracestate`, as W3C has them.

use std::collections::HashMap;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Length of `traceparent` in version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const PARENT_LENGTH: usize = 55;
/// Longest `traceparent` of a later version, which may say more at its end; in bytes.
const PARENT_MAX: usize = 256;
/// Longest `tracestate` that is taken, in bytes: so much everybody must pass on. A longer one is left out.
pub const STATE_MAX: usize = 512;
/// Most members of a `tracestate`.
pub const STATE_MEMBERS_MAX: usize = 32;

/// The span that whoever asks is in, with the trace of it; nothing where that is not said, or not as it must be.
pub(crate) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut sent = headers.get_all(PARENT).iter();
    let parent = sent.next().filter(|_| sent.next().is_none())?.to_str().ok()?;
    if !is_well_formed(parent) {
        return None;
    }
    let mut carrier = HashMap::from([(PARENT.to_owned(), parent.to_owned())]);
    if let Some(state) = state(headers) {
        carrier.insert(STATE.to_owned(), state);
    }
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The headers that say this span to whoever is asked.
pub(crate) fn write(context: &SpanContext) -> Vec<(&'static str, String)> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new()
        .inject_context(&Context::new().with_remote_span_context(context.clone()), &mut carrier);
    let mut header = |name: &'static str| Some((name, carrier.remove(name).filter(|value| !value.is_empty())?));
    [header(PARENT), header(STATE)].into_iter().flatten().collect()
}

/// The propagator reads numbers, and takes short ones and signs too: it is asked only about what has the right shape.
fn is_well_formed(parent: &str) -> bool {
    let bytes = parent.as_bytes();
    let shape = |(at, byte): (usize, &u8)| match at {
        2 | 35 | 52 => *byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
    };
    let more = match bytes.get(PARENT_LENGTH) {
        None => true,
        Some(next) => !parent.starts_with("00") && *next == b'-' && bytes.len() <= PARENT_MAX,
    };
    bytes.len() >= PARENT_LENGTH && more && bytes.iter().take(PARENT_LENGTH).enumerate().all(shape)
}

/// What all headers of this name say together.
fn state(headers: &HeaderMap) -> Option<String> {
    let mut state = String::new();
    for part in headers.get_all(STATE) {
        let part = part.to_str().ok()?;
        if state.len() + part.len() >= STATE_MAX {
            return None;
        }
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(part);
    }
    let members = state.split(',').count();
    (!state.trim().is_empty() && members <= STATE_MEMBERS_MAX).then_some(state)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_is_read_is_written_again() {
        let context = read(&headers(&[(PARENT, GOOD), (STATE, "a=1"), (STATE, "b=2")])).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(write(&context), [(PARENT, GOOD.to_owned()), (STATE, "a=1,b=2".to_owned())]);
        let context = read(&headers(&[(PARENT, &GOOD.replace("-01", "-00"))])).unwrap();
        assert!(!context.is_sampled());
        assert_eq!(write(&context).len(), 1, "an empty state is not said");
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = format!("01{}-more", &GOOD[2..]);
        assert!(read(&headers(&[(PARENT, &later)])).is_some());
        assert!(read(&headers(&[(PARENT, &format!("{later}{}", "x".repeat(PARENT_MAX)))])).is_none());
    }

    #[test]
    fn what_is_malformed_is_no_parent() {
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let nobody = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let short = "00-1-1-01";
        let signed = "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for wrong in [
            "",
            short,
            signed,
            zeros,
            nobody,
            &GOOD.to_uppercase(),
            &format!("ff{}", &GOOD[2..]),
            &format!("{GOOD}-more"),
            &format!("01{}more", &GOOD[2..]),
            &GOOD[..54],
            &GOOD.replace('-', "_"),
        ] {
            assert!(read(&headers(&[(PARENT, wrong)])).is_none(), "{wrong}");
        }
        assert!(read(&headers(&[(PARENT, GOOD), (PARENT, GOOD)])).is_none(), "two parents");
        assert!(read(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_state_out_of_bounds_is_left_out_and_the_parent_stays() {
        let many = vec!["a=1"; STATE_MEMBERS_MAX + 1].join(",");
        let long = format!("a={}", "x".repeat(STATE_MAX));
        for wrong in [many.as_str(), long.as_str(), "no pair", " "] {
            let context = read(&headers(&[(PARENT, GOOD), (STATE, wrong)])).unwrap();
            assert_eq!(context.trace_state().header(), "", "{wrong}");
        }
    }
}
