//! What a role says of the tokens that are made by it.

use ipnet::IpNet;
use model::{Fault, TokenKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wildmatch::WildMatchPattern;

use super::policies;
use crate::params;

/// Most names in one list of a role.
const NAMES_MAX: usize = 256;
/// Longest name or pattern, in bytes.
const NAME_MAX: usize = 256;
/// Longest suffix of the paths of a role's tokens, in bytes.
const SUFFIX_MAX: usize = 128;

/// A role. Times in seconds; 0 means: not set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    record: u8,
    pub(super) name: String,
    pub(super) allowed_policies: Vec<String>,
    pub(super) allowed_policies_glob: Vec<String>,
    pub(super) disallowed_policies: Vec<String>,
    pub(super) disallowed_policies_glob: Vec<String>,
    pub(super) allowed_entity_aliases: Vec<String>,
    pub(super) orphan: bool,
    pub(super) renewable: bool,
    pub(super) path_suffix: String,
    pub(super) token_bound_cidrs: Vec<IpNet>,
    pub(super) token_explicit_max_ttl: u64,
    pub(super) token_no_default_policy: bool,
    pub(super) token_num_uses: u64,
    pub(super) token_period: u64,
    pub(super) token_type: Sort,
    /// What was set by older names is shown by them.
    period: u64,
    explicit_max_ttl: u64,
    bound_cidrs: Vec<IpNet>,
}

/// Which sort of tokens a role makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sort {
    Service,
    Batch,
    /// Service, unless the request says batch.
    DefaultService,
    /// Batch, unless the request says service.
    DefaultBatch,
}

impl Sort {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "service" => Self::Service,
            "batch" => Self::Batch,
            "default-service" => Self::DefaultService,
            "default-batch" => Self::DefaultBatch,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }

    /// The sort of a token, of a role and a request that may each say something.
    pub(super) fn choose(role: Option<Self>, asked: &str) -> Result<TokenKind, Fault> {
        let asked = match role {
            Some(Self::Service) => "service",
            Some(Self::Batch) => "batch",
            Some(Self::DefaultBatch) if asked.is_empty() => "batch",
            _ => asked,
        };
        match asked {
            "" | "service" => Ok(TokenKind::Service),
            "batch" => Ok(TokenKind::Batch),
            _ => Err(Fault::invalid("invalid 'token_type' value")),
        }
    }
}

impl Role {
    pub(super) fn new(name: &str) -> Self {
        Self {
            record: 1,
            name: name.to_owned(),
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            allowed_entity_aliases: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            token_bound_cidrs: Vec::new(),
            token_explicit_max_ttl: 0,
            token_no_default_policy: false,
            token_num_uses: 0,
            token_period: 0,
            token_type: Sort::DefaultService,
            period: 0,
            explicit_max_ttl: 0,
            bound_cidrs: Vec::new(),
        }
    }

    /// Takes what a request says; what it does not name stays. Answers warnings.
    pub(super) fn write(&mut self, body: &Map<String, Value>, max_ttl: u64) -> Result<Vec<String>, Fault> {
        let mut warnings = Vec::new();
        for (field, list) in [
            ("allowed_policies", &mut self.allowed_policies),
            ("allowed_policies_glob", &mut self.allowed_policies_glob),
            ("disallowed_policies", &mut self.disallowed_policies),
            ("disallowed_policies_glob", &mut self.disallowed_policies_glob),
            ("allowed_entity_aliases", &mut self.allowed_entity_aliases),
        ] {
            if let Some(names) = names(body, field)? {
                *list = names;
            }
        }
        self.orphan = params::flag(body, "orphan")?.unwrap_or(self.orphan);
        self.renewable = params::flag(body, "renewable")?.unwrap_or(self.renewable);
        if let Some(suffix) = params::text(body, "path_suffix")? {
            check_suffix(suffix)?;
            suffix.clone_into(&mut self.path_suffix);
        }
        let no_default = params::flag(body, "token_no_default_policy")?;
        self.token_no_default_policy = no_default.unwrap_or(self.token_no_default_policy);
        if let Some(uses) = params::count(body, "token_num_uses", "'token_num_uses' cannot be negative")? {
            self.token_num_uses = uses;
        }
        self.write_times(body, &mut warnings)?;
        self.write_networks(body, &mut warnings)?;
        self.write_type(body)?;
        if self.token_explicit_max_ttl > max_ttl {
            warnings.push(format!(
                "Given explicit max TTL of {} is greater than system/mount allowed value of {max_ttl} seconds; tokens of this role live that long at most",
                self.token_explicit_max_ttl
            ));
        }
        self.check()?;
        Ok(warnings)
    }

    fn write_times(&mut self, body: &Map<String, Value>, warnings: &mut Vec<String>) -> Result<(), Fault> {
        for (name, older, now, was) in [
            ("token_period", "period", &mut self.token_period, &mut self.period),
            (
                "token_explicit_max_ttl",
                "explicit_max_ttl",
                &mut self.token_explicit_max_ttl,
                &mut self.explicit_max_ttl,
            ),
        ] {
            let negative = format!("'{name}' cannot be negative");
            let (new, old) = (params::positive(body, name, &negative)?, params::positive(body, older, &negative)?);
            if let (Some(_), Some(_)) = (new, old) {
                warnings.push(both(name, older));
            }
            if let Some(time) = new {
                (*now, *was) = (time, 0);
            } else if let Some(time) = old {
                (*now, *was) = (time, time);
            }
        }
        Ok(())
    }

    fn write_networks(&mut self, body: &Map<String, Value>, warnings: &mut Vec<String>) -> Result<(), Fault> {
        let (name, older) = ("token_bound_cidrs", "bound_cidrs");
        let read = |field| params::list(body, field)?.map(|texts| access::cidr::parse(field, &texts)).transpose();
        let (new, old) = (read(name)?, read(older)?);
        if new.is_some() && old.is_some() {
            warnings.push(both(name, older));
        }
        if let Some(networks) = new {
            (self.token_bound_cidrs, self.bound_cidrs) = (networks, Vec::new());
        } else if let Some(networks) = old {
            (self.token_bound_cidrs, self.bound_cidrs) = (networks.clone(), networks);
        }
        Ok(())
    }

    fn write_type(&mut self, body: &Map<String, Value>) -> Result<(), Fault> {
        if let Some(text) = params::text(body, "token_type")? {
            let refuse = || Fault::invalid(format!("invalid 'token_type' value {}", quoted(text)));
            self.token_type = Sort::parse(text).ok_or_else(refuse)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Fault> {
        if self.token_type != Sort::Batch {
            return Ok(());
        }
        for (bad, what) in [
            (!self.orphan, "non-orphan tokens"),
            (self.token_period > 0, "periodic tokens"),
            (self.renewable, "renewable tokens"),
            (self.token_explicit_max_ttl > 0, "tokens with an explicit max TTL"),
            (self.token_num_uses > 0, "tokens with limited use count"),
        ] {
            if bad {
                let text = format!("'token_type' cannot be 'batch' when role is set to generate {what}");
                return Err(Fault::invalid(text));
            }
        }
        Ok(())
    }

    /// Whether an entity alias may be named by requests.
    pub(super) fn allows_alias(&self, alias: &str) -> bool {
        let alias = alias.to_lowercase();
        self.allowed_entity_aliases.iter().any(|pattern| matches(pattern, &alias))
    }

    pub(super) fn shown(&self) -> Value {
        let mut data = json!({
            "name": self.name, "allowed_policies": self.allowed_policies,
            "allowed_policies_glob": self.allowed_policies_glob, "disallowed_policies": self.disallowed_policies,
            "disallowed_policies_glob": self.disallowed_policies_glob,
            "allowed_entity_aliases": self.allowed_entity_aliases, "orphan": self.orphan,
            "renewable": self.renewable, "path_suffix": self.path_suffix, "period": self.period,
            "explicit_max_ttl": self.explicit_max_ttl, "token_explicit_max_ttl": self.token_explicit_max_ttl,
            "token_no_default_policy": self.token_no_default_policy, "token_period": self.token_period,
            "token_type": self.token_type.name(), "token_bound_cidrs": access::cidr::shown(&self.token_bound_cidrs),
            "token_num_uses": self.token_num_uses,
        });
        if !self.bound_cidrs.is_empty() {
            data["bound_cidrs"] = json!(access::cidr::shown(&self.bound_cidrs));
        }
        data
    }
}

/// Whether a name fits a pattern, in which `*` stands for anything.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(name)
}

/// Names in lower case, in order, each once.
fn names(body: &Map<String, Value>, field: &str) -> Result<Option<Vec<String>>, Fault> {
    let Some(names) = params::list(body, field)? else { return Ok(None) };
    let bounded = |name: &String| name.len() <= NAME_MAX && !name.contains(char::is_control);
    if names.len() > NAMES_MAX || !names.iter().all(bounded) {
        return Err(Fault::invalid(format!(
            "{field}: must be at most 256 names of at most 256 bytes, without control characters"
        )));
    }
    Ok(Some(policies::sorted(names)))
}

fn check_suffix(suffix: &str) -> Result<(), Fault> {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let bytes = suffix.as_bytes();
    let ends = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    let inside = bytes.iter().all(|&c| word(c) || c == b'-' || c == b'.') && !suffix.contains("..");
    if suffix.is_empty() || (ends && inside && (3..=SUFFIX_MAX).contains(&suffix.len())) {
        return Ok(());
    }
    Err(Fault::invalid(r"given role path suffix contains invalid characters; must match \w[\w-.]+\w"))
}

fn both(name: &str, older: &str) -> String {
    format!("Both '{name}' and deprecated '{older}' value supplied, ignoring the deprecated value")
}

/// A text in quotes, with whatever is not printable escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_request_does_not_name_stays_as_it_was() {
        let mut role = Role::new("r");
        role.write(&body(json!({"allowed_policies": "B, a", "token_period": "1h", "orphan": "true"})), 9999).unwrap();
        role.write(&body(json!({"renewable": false})), 9999).unwrap();
        let shown = role.shown();
        assert_eq!((&shown["allowed_policies"], &shown["token_period"]), (&json!(["a", "b"]), &json!(3600)));
        assert_eq!((&shown["orphan"], &shown["renewable"]), (&json!(true), &json!(false)));
    }

    #[test]
    fn older_names_are_taken_and_shown_and_lose_against_newer_ones() {
        let mut role = Role::new("r");
        let warnings = role.write(&body(json!({"period": 60, "bound_cidrs": "192.0.2.0/24"})), 9999).unwrap();
        assert!(warnings.is_empty());
        assert_eq!((role.token_period, &role.shown()["period"]), (60, &json!(60)));
        assert_eq!(role.shown()["bound_cidrs"], json!(["192.0.2.0/24"]));
        let warnings = role.write(&body(json!({"period": 70, "token_period": 80})), 9999).unwrap();
        assert_eq!((role.token_period, role.period, warnings.len()), (80, 0, 1));
    }

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        for (pattern, name, fits) in [
            ("web-*", "web-", true),
            ("web-*", "web-a/b", true),
            ("*-ro", "web-ro", true),
            ("a*c*e", "abcde", true),
            ("web", "web2", false),
            ("we?", "web", false),
            ("", "web", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
