//! A part of a request.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanContext, Status};
use opentelemetry_sdk::trace::Span as Recorded;

use crate::headers;
use crate::trace::Whole;

/// Longest text in a span, in bytes; longer ones are cut.
pub const VALUE_MAX: usize = 256;

/// Whom a part of a request asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nobody but this process and its store.
    Nobody,
    /// Another server, or a token.
    Another,
}

/// A part of a request, or nothing where there is no trace, or no room for one more. It ends when it is dropped.
#[derive(Default)]
pub struct Span(Option<Part>);

struct Part {
    whole: Arc<Whole>,
    recorded: Option<Recorded>,
    /// Its own, or where it is not recorded that of the nearest above it which is.
    context: SpanContext,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span").field("recorded", &self.is_recorded()).finish_non_exhaustive()
    }
}

impl Span {
    pub(crate) fn below(whole: Arc<Whole>, recorded: Option<Recorded>, context: SpanContext) -> Self {
        Self(Some(Part { whole, recorded, context }))
    }

    /// Whether anybody will read what it says: what costs to find out is worth it then.
    pub fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|part| part.recorded.is_some())
    }

    /// A part of this part begins; it ends with the value. The name is one of few, and no part of a path.
    pub fn span(&self, name: &'static str, asks: Asks) -> Self {
        match &self.0 {
            Some(part) => part.whole.span(&part.context, name, asks),
            None => Self::default(),
        }
    }

    /// Says something of it; the text is cut at [`VALUE_MAX`] bytes.
    pub fn text(&mut self, key: &'static str, value: &str) {
        self.on_recorded(|recorded| recorded.set_attribute(KeyValue::new(key, cut(value))));
    }

    /// Says a number of it.
    pub fn number(&mut self, key: &'static str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.on_recorded(|recorded| recorded.set_attribute(KeyValue::new(key, value)));
    }

    /// It failed. The reason is one of few, and nothing that somebody sent.
    pub fn failed(&mut self, why: &'static str) {
        self.on_recorded(|recorded| recorded.set_status(Status::error(why)));
    }

    /// The headers that say this part to another server that is asked for it.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        self.0.as_ref().map(|part| headers::write(&part.context)).unwrap_or_default()
    }

    fn on_recorded(&mut self, change: impl FnOnce(&mut Recorded)) {
        if let Some(recorded) = self.0.as_mut().and_then(|part| part.recorded.as_mut()) {
            change(recorded);
        }
    }
}

/// The beginning of a text.
pub(crate) fn cut(text: &str) -> String {
    let end = (0..=VALUE_MAX.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
