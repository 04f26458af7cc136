//! What one pattern permits, in one policy or in several.

use std::time::Duration;

use model::Operation;
use serde_json::Value;

use super::Question;
use super::capability::Capabilities;
use super::parameters::Parameters;

/// The parameter that bounds a listing.
const PAGE: &str = "limit";

/// What a rule says besides its path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Permissions {
    pub(crate) capabilities: Capabilities,
    /// Zero: none.
    pub(crate) min_wrapping_ttl: Duration,
    /// Zero: none.
    pub(crate) max_wrapping_ttl: Duration,
    pub(crate) allowed: Parameters,
    pub(crate) denied: Parameters,
    /// In lower case.
    pub(crate) required: Vec<String>,
    /// Most names that one listing may ask for; zero: no bound.
    pub(crate) page_max: u64,
}

impl Permissions {
    /// Nothing, whatever other policies say of the same pattern.
    pub(crate) fn deny() -> Self {
        Self { capabilities: Capabilities::DENY, ..Self::default() }
    }

    /// Takes what another policy says of the same pattern.
    pub(crate) fn merge(&mut self, more: &Self) {
        if self.capabilities.denies() {
            return;
        }
        if more.capabilities.denies() {
            *self = Self::deny();
            return;
        }
        self.capabilities = self.capabilities.and(more.capabilities);
        self.min_wrapping_ttl = smaller(self.min_wrapping_ttl, more.min_wrapping_ttl);
        self.max_wrapping_ttl = smaller(self.max_wrapping_ttl, more.max_wrapping_ttl);
        self.allowed.merge(&more.allowed);
        self.denied.merge(&more.denied);
        self.page_max = match (self.page_max, more.page_max) {
            (0, only) | (only, 0) => only,
            (one, other) => one.min(other),
        };
        for name in &more.required {
            if !self.required.contains(name) {
                self.required.push(name.clone());
            }
        }
    }

    /// Whether a request that has the capability it needs keeps to everything else.
    pub(crate) fn met(&self, question: &Question<'_>) -> bool {
        let sudo = !question.sudo || self.capabilities.has(Capabilities::SUDO);
        sudo && self.wrapping_met(question.wrap_ttl) && self.parameters_met(question)
    }

    fn wrapping_met(&self, wanted: Option<Duration>) -> bool {
        let (min, max) = (self.min_wrapping_ttl, self.max_wrapping_ttl);
        // Each policy by itself may be well, and both together leave nothing.
        if !min.is_zero() && !max.is_zero() && max < min {
            return false;
        }
        let within = |ttl: Duration| (max.is_zero() || ttl <= max) && ttl >= min;
        min.is_zero() && max.is_zero() || wanted.is_some_and(within)
    }

    fn parameters_met(&self, question: &Question<'_>) -> bool {
        let empty = serde_json::Map::new();
        let sent = question.parameters.unwrap_or(&empty);
        match question.operation {
            Operation::List => return self.page_met(sent.get(PAGE)),
            Operation::Delete => return true,
            Operation::Read | Operation::Create | Operation::Update | Operation::Patch => {}
        }
        if !self.required.iter().all(|name| sent.contains_key(name)) {
            return false;
        }
        sent.is_empty() || !self.denied.forbid(sent) && self.allowed.permit(sent)
    }

    /// Without a limit, a listing is cut to what is allowed; see [`super::Verdict::page_max`].
    fn page_met(&self, limit: Option<&Value>) -> bool {
        if self.page_max == 0 {
            return true;
        }
        match limit {
            None => !self.required.iter().any(|name| name == PAGE),
            Some(Value::String(text)) if text == "max" => true,
            Some(Value::String(text)) => text.parse().is_ok_and(|limit: u64| limit <= self.page_max),
            Some(limit) => limit.as_u64().is_some_and(|limit| limit <= self.page_max),
        }
    }
}

/// The smaller of two durations, of which zero means none.
fn smaller(one: Duration, other: Duration) -> Duration {
    match (one.is_zero(), other.is_zero()) {
        (true, _) => other,
        (_, true) => one,
        _ => one.min(other),
    }
}
