//! The text of a policy.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hcl::{Entry, Value};

use super::capability::Capabilities;
use super::parameters::Parameters;
use super::pattern;
use super::permissions::Permissions;
use super::template::Template;

/// The keys that a rule may have.
const KEYS: [&str; 13] = [
    "comment",
    "policy",
    "capabilities",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "pagination_limit",
    "expiration",
    "list_scan_response_keys_filter_path",
    "control_group",
];
/// Longest time that an answer may be said to be wrapped: what clients can hold in 64 bits of nanoseconds.
const TTL_MAX: Duration = Duration::from_secs(290 * 365 * 86_400);

/// A policy that was read.
#[derive(Debug, Default)]
pub struct Policy {
    pub(crate) rules: Vec<PathRule>,
    /// Keys that are read but have no effect here.
    without_effect: Vec<&'static str>,
}

/// One `path` of a policy.
#[derive(Debug)]
pub(crate) struct PathRule {
    pub(crate) path: Template,
    pub(crate) permissions: Arc<Permissions>,
    /// The last second at which it counts, since 1970.
    pub(crate) expiration: Option<u64>,
}

/// A text that is no policy, in the words that clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse policy: {0}")]
pub struct Malformed(String);

impl From<hcl::Error> for Malformed {
    fn from(error: hcl::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Malformed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Policy {
    /// Reads a policy in HCL or JSON.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > super::TEXT_MAX {
            return Err(Malformed("the text is longer than 512 KiB".into()));
        }
        let entries = hcl::parse(text)?;
        known_keys(&entries, &["name", "path"], "")?;
        let mut policy = Self::default();
        for entry in entries.iter().filter(|entry| entry.name() == "path") {
            policy.paths(entry)?;
        }
        Ok(policy)
    }

    /// Whether it says different things of different people.
    pub fn is_templated(&self) -> bool {
        self.rules.iter().any(|rule| !rule.path.is_plain())
    }

    /// How many paths it has.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it has no paths.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What whoever writes the policy should know.
    pub fn warnings(&self) -> Vec<String> {
        let note = |key: &&str| format!("{key} was read but has no effect: this server does not enforce it");
        self.without_effect.iter().map(note).collect()
    }

    /// `path "a" { … }`, or in JSON `"path": { "a": { … } }`; JSON may have lists of objects in place of objects.
    fn paths(&mut self, entry: &Entry) -> Result<(), Malformed> {
        let wanted = || Malformed("path: must be a block with one label, such as path \"secret/*\" { … }".into());
        match entry.keys.as_slice() {
            [_, label] => self.rule(&label.text, objects(&entry.value).ok_or_else(wanted)?),
            [_] => {
                for labelled in objects(&entry.value).ok_or_else(wanted)?.into_iter().flatten() {
                    let [label] = labelled.keys.as_slice() else { return Err(wanted()) };
                    self.rule(&label.text, objects(&labelled.value).ok_or_else(wanted)?)?;
                }
                Ok(())
            }
            _ => Err(wanted()),
        }
    }

    fn rule(&mut self, label: &str, bodies: Vec<&[Entry]>) -> Result<(), Malformed> {
        for body in bodies {
            known_keys(body, &KEYS, &format!("path {label:?}: "))?;
            pattern::check(label)?;
            let path = Template::read(label).map_err(|text| Malformed(text.to_owned()))?;
            let body = Body { label, entries: body };
            for key in ["mfa_methods", "control_group"] {
                if body.values(key)?.next().is_some() && !self.without_effect.contains(&key) {
                    self.without_effect.push(key);
                }
            }
            let (expiration, permissions) = (body.expiration()?, Arc::new(body.permissions()?));
            self.rules.push(PathRule { path, permissions, expiration });
        }
        Ok(())
    }
}

/// The entries of an object, or of each object of a list.
fn objects(value: &Value) -> Option<Vec<&[Entry]>> {
    match value {
        Value::Object(entries) => Some(vec![entries]),
        Value::List(values) => values
            .iter()
            .map(|value| match value {
                Value::Object(entries) => Some(entries.as_slice()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Refuses all keys that are not known, in the form in which clients know several errors.
fn known_keys(entries: &[Entry], known: &[&str], prefix: &str) -> Result<(), Malformed> {
    let mut count = 0;
    let mut listed = String::new();
    for entry in entries.iter().filter(|entry| !known.contains(&entry.name())) {
        count += 1;
        // Writing to a text does not fail.
        let _ = writeln!(listed, "\t* {prefix}invalid key {:?} on line {}", entry.name(), entry.at().line);
    }
    match count {
        0 => Ok(()),
        1 => Err(Malformed(format!("1 error occurred:\n{listed}\n"))),
        _ => Err(Malformed(format!("{count} errors occurred:\n{listed}\n"))),
    }
}

/// What stands in the braces behind a path.
struct Body<'a> {
    label: &'a str,
    entries: &'a [Entry],
}

impl<'a> Body<'a> {
    fn wrong(&self, what: impl std::fmt::Display) -> Malformed {
        Malformed(format!("path {:?}: {what}", self.label))
    }

    /// All values of a key; a key may come more than once.
    fn values(&self, key: &'static str) -> Result<impl Iterator<Item = &'a Value>, Malformed> {
        let entries = self.entries.iter().filter(move |entry| entry.name() == key);
        if entries.clone().any(|entry| entry.keys.len() > 1) {
            return Err(self.wrong(format_args!("{key}: takes no label")));
        }
        Ok(entries.map(|entry| &entry.value).filter(|value| **value != Value::Null))
    }

    /// The text of a key; the last one counts.
    fn text(&self, key: &'static str) -> Result<Option<&'a str>, Malformed> {
        match self.values(key)?.last() {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(format_args!("{key}: must be text"))),
        }
    }

    /// The texts of a key; lists add up.
    fn texts(&self, key: &'static str) -> Result<Vec<&'a str>, Malformed> {
        let wanted = || self.wrong(format_args!("{key}: must be a list of texts"));
        let mut found = Vec::new();
        for value in self.values(key)? {
            let Value::List(items) = value else { return Err(wanted()) };
            for item in items {
                let Value::Text(text) = item else { return Err(wanted()) };
                found.push(text.as_str());
            }
        }
        Ok(found)
    }

    fn capabilities(&self) -> Result<Capabilities, Malformed> {
        let word = self.text("policy")?.filter(|word| !word.is_empty());
        let mut all = match word {
            Some(word) => {
                let old = Capabilities::of_old_policy(word);
                old.ok_or_else(|| self.wrong(format_args!("invalid policy {word:?}")))?
            }
            None => Capabilities::default(),
        };
        for name in self.texts("capabilities")? {
            let one = Capabilities::named(name);
            all = all.and(one.ok_or_else(|| self.wrong(format_args!("invalid capability {name:?}")))?);
        }
        Ok(all)
    }

    fn permissions(&self) -> Result<Permissions, Malformed> {
        let capabilities = self.capabilities()?;
        if capabilities.denies() {
            return Ok(Permissions::deny());
        }
        if self.values("list_scan_response_keys_filter_path")?.next().is_some() {
            let what = "list_scan_response_keys_filter_path: this server does not filter listings, so the rule would \
                        show more than it says";
            return Err(self.wrong(what));
        }
        let (min, max) = (self.ttl("min_wrapping_ttl")?, self.ttl("max_wrapping_ttl")?);
        if !min.is_zero() && !max.is_zero() && max < min {
            return Err(Malformed("max_wrapping_ttl cannot be less than min_wrapping_ttl".into()));
        }
        Ok(Permissions {
            capabilities,
            min_wrapping_ttl: min,
            max_wrapping_ttl: max,
            allowed: self.parameters("allowed_parameters")?,
            denied: self.parameters("denied_parameters")?,
            required: self.texts("required_parameters")?.into_iter().map(str::to_lowercase).collect(),
            page_max: self.page_max()?,
        })
    }

    fn parameters(&self, key: &'static str) -> Result<Parameters, Malformed> {
        let wanted = || self.wrong(format_args!("{key}: must be an object of lists"));
        let mut found = Parameters::default();
        for value in self.values(key)? {
            for entry in objects(value).ok_or_else(wanted)?.into_iter().flatten() {
                let ([name], Value::List(items)) = (entry.keys.as_slice(), &entry.value) else { return Err(wanted()) };
                found.0.entry(name.text.to_lowercase()).or_default().extend(items.iter().map(json));
            }
        }
        Ok(found)
    }

    fn ttl(&self, key: &'static str) -> Result<Duration, Malformed> {
        let refuse = || {
            Malformed(format!(
                "error parsing {key}: must be a duration such as 90, \"90s\" or \"72h\", at most 290 years"
            ))
        };
        let read = match self.values(key)?.last() {
            None => return Ok(Duration::ZERO),
            Some(Value::Integer(seconds)) => u64::try_from(*seconds).ok().map(Duration::from_secs),
            Some(Value::Text(text)) => duration(text),
            Some(_) => None,
        };
        read.filter(|ttl| *ttl <= TTL_MAX).ok_or_else(refuse)
    }

    fn page_max(&self) -> Result<u64, Malformed> {
        let refuse = || self.wrong("pagination_limit: must be a whole number, 0 for no limit");
        match self.values("pagination_limit")?.last() {
            None => Ok(0),
            Some(Value::Integer(limit)) => u64::try_from(*limit).map_err(|_| refuse()),
            Some(Value::Text(text)) => text.parse().map_err(|_| refuse()),
            Some(_) => Err(refuse()),
        }
    }

    fn expiration(&self) -> Result<Option<u64>, Malformed> {
        let Some(text) = self.text("expiration")?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let moment = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second).or_else(|_| text.parse::<i64>());
        // What ended before 1970 has ended.
        let read = moment.map(|second| Some(u64::try_from(second).unwrap_or(0)));
        read.map_err(|_| self.wrong("invalid expiration time: must be a time such as \"2030-01-31T12:00:00Z\""))
    }
}

/// A value of the language as requests have them.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Null => serde_json::Value::Null,
        Value::List(values) => values.iter().map(json).collect(),
        Value::Object(entries) => {
            let fields = entries.iter().map(|entry| (entry.name().to_owned(), json(&entry.value)));
            serde_json::Value::Object(fields.collect())
        }
    }
}

/// Seconds, or numbers with units that add up, such as `1h30m` or `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Duration::ZERO);
    }
    if text.bytes().all(|c| c.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number = &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.')?];
        rest = &rest[number.len()..];
        let unit = &rest[..rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len())];
        rest = &rest[unit.len()..];
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
    }
    Some(total)
}
