//! Rules as they are kept: `rate/<name>`, `count/<name>`, `config`, and `version`, which grows with every change.

use model::{Fault, Id};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use storage::Drawer;

use crate::params;

/// The version of these records.
const RECORD: u32 = 1;
/// Most requests per interval that a rule may name.
const RATE_MAX: f64 = 1_000_000.0;
/// Longest time between two requests that a rate lets through, in seconds.
pub(super) const PERIOD_MAX: f64 = 365.0 * 86_400.0;
/// Longest interval and longest block, in seconds: a day.
const SECONDS_MAX: u64 = 86_400;

/// What is answered however many requests there were, unless configured: what tells operators how the server is, and what
/// opens it.
const EXEMPT: [&str; 5] =
    ["sys/generate-root/attempt", "sys/generate-root/update", "sys/health", "sys/seal-status", "sys/unseal"];

pub(super) fn drawer() -> Drawer {
    Drawer::new(&["quotas"])
}

/// So many requests per interval.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rate {
    record: u32,
    /// New with every change: what clients have used of the old rule does not count for the new one.
    pub(super) id: Id,
    pub(super) name: String,
    /// From the root namespace, without slashes around it; empty for everything.
    pub(super) path: String,
    pub(super) rate: f64,
    /// In seconds.
    pub(super) interval: u64,
    /// How long a client that made too many is refused whatever it does, in seconds; 0: only until there is room again.
    pub(super) block_interval: u64,
    /// Whether a rule for a namespace holds for those below it.
    pub(super) inheritable: bool,
}

impl Rate {
    /// A rule as it was sent, over the one that was there.
    pub(super) fn from_params(
        name: &str,
        id: Id,
        before: Option<Self>,
        body: &Map<String, Value>,
    ) -> Result<Self, Fault> {
        let fresh = || Self {
            record: RECORD,
            id,
            name: name.to_owned(),
            path: String::new(),
            rate: 0.0,
            interval: 1,
            block_interval: 0,
            inheritable: false,
        };
        let mut rule = Self { id, ..before.unwrap_or_else(fresh) };
        if let Some(path) = params::text(body, "path")? {
            rule.path = path_of(path)?;
        }
        if let Some(rate) = rate_of(body)? {
            rule.rate = rate;
        }
        for (field, seconds) in [("interval", &mut rule.interval), ("block_interval", &mut rule.block_interval)] {
            if let Some(sent) = params::seconds(body, field)? {
                *seconds = sent;
            }
        }
        if let Some(inheritable) = params::flag(body, "inheritable")? {
            rule.inheritable = inheritable;
        }
        refuse_grouping(body, &["role", "group_by"])?;
        rule.checked()
    }

    fn checked(self) -> Result<Self, Fault> {
        if !(self.rate > 0.0 && self.rate <= RATE_MAX) {
            return Err(Fault::invalid("rate: must be a number above 0, at most 1000000"));
        }
        if !(1..=SECONDS_MAX).contains(&self.interval) {
            return Err(Fault::invalid("interval: must be from \"1s\" to \"24h\""));
        }
        if self.interval as f64 / self.rate > PERIOD_MAX {
            return Err(Fault::invalid("rate: must let at least one request through in a year"));
        }
        if self.block_interval > SECONDS_MAX {
            return Err(Fault::invalid("block_interval: must be at most \"24h\""));
        }
        Ok(self)
    }

    pub(super) fn shown(&self) -> Value {
        let path = if self.path.is_empty() { String::new() } else { format!("{}/", self.path) };
        json!({
            "type": "rate-limit", "name": self.name, "path": path, "rate": self.rate, "interval": self.interval,
            "block_interval": self.block_interval, "inheritable": self.inheritable || self.path.is_empty(),
            "role": "", "group_by": "ip",
        })
    }
}

/// Refuses what would tell clients apart otherwise than by their address.
pub(super) fn refuse_grouping(body: &Map<String, Value>, fields: &[&str]) -> Result<(), Fault> {
    for field in fields {
        if params::text(body, field)?.is_some_and(|text| !text.is_empty() && text != "ip") {
            return Err(Fault::invalid(format!("{field}: is not supported; it must be empty")));
        }
    }
    Ok(())
}

/// A path without slashes around it, and without the `*` that says "and what is below".
pub(super) fn path_of(text: &str) -> Result<String, Fault> {
    let path = text.trim_matches('/');
    let path = path.strip_suffix("/*").unwrap_or(path).trim_matches('/');
    if path.len() > model::PATH_MAX || path.contains(['*', '+']) || path.chars().any(char::is_control) {
        return Err(Fault::invalid("path: must be a namespace, a mount, or a path in one; it holds for what is below"));
    }
    Ok(path.to_owned())
}

/// A number that may come as text.
fn rate_of(body: &Map<String, Value>) -> Result<Option<f64>, Fault> {
    let rate = match body.get("rate") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    rate.map(Some).ok_or_else(|| Fault::invalid("rate: must be a number"))
}

/// What holds for all rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Config {
    record: u32,
    /// Paths that no rule limits, from the root namespace.
    pub(super) exempt: Vec<String>,
    /// Whether answers say in headers what their client has left.
    #[serde(default)]
    pub(super) headers: bool,
    /// Whether requests that are refused are recorded by the audit devices.
    #[serde(default)]
    pub(super) recorded: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { record: RECORD, exempt: EXEMPT.map(str::to_owned).to_vec(), headers: false, recorded: false }
    }
}

impl Config {
    pub(super) fn shown(&self) -> Value {
        json!({
            "enable_rate_limit_audit_logging": self.recorded, "enable_rate_limit_response_headers": self.headers,
            "rate_limit_exempt_paths": self.exempt,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Rate, String> {
        let Value::Object(body) = body else { panic!("an object") };
        Rate::from_params("a", Id::nil(), None, &body).map_err(|fault| fault.messages.join(""))
    }

    #[test]
    fn a_rule_is_read_as_clients_send_it() {
        let rule = read(json!({"rate": "2.5", "interval": "1m", "path": "team/pki/*", "block_interval": 5})).unwrap();
        assert_eq!((rule.rate, rule.interval, rule.block_interval, rule.path.as_str()), (2.5, 60, 5, "team/pki"));
        let Value::Object(only) = json!({"rate": 7}) else { panic!("an object") };
        let changed = Rate::from_params("a", Id::nil(), Some(rule), &only).unwrap();
        assert_eq!((changed.rate, changed.interval), (7.0, 60));
    }

    #[test]
    fn wrong_values_name_their_field() {
        for (body, field) in [
            (json!({}), "rate:"),
            (json!({"rate": 0}), "rate:"),
            (json!({"rate": "nan"}), "rate:"),
            (json!({"rate": -1}), "rate:"),
            (json!({"rate": 1, "interval": 0}), "interval:"),
            (json!({"rate": 1, "block_interval": "48h"}), "block_interval:"),
            (json!({"rate": 1, "path": "a/+/b"}), "path:"),
            (json!({"rate": 1, "role": "x"}), "role:"),
        ] {
            assert!(read(body).unwrap_err().starts_with(field), "{field}");
        }
    }
}
