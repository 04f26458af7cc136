//! Roles: whose tokens are taken, and what a login gets.

use innkeeper_guest::Field;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use innkeeper_guest::storage::StorageError;
use serde::{Deserialize, Serialize};

use crate::login::VALUE_MAX;

/// Most entries in a list or object of a role.
const LIST_MAX: usize = 256;
/// Most claims that are copied: the host takes 64 pairs, one of which is the role's name.
const MAPPINGS_MAX: usize = 63;
/// Longest text of a role, in bytes.
const TEXT_MAX: usize = 2048;
/// What `role/{name}` takes.
pub(crate) const FIELDS: &[Field] = fields!(RoleParams, TokenParams, OlderTokenParams);

body! {
    /// What `role/{name}` takes beside the fields of tokens. Fields that were not sent stay.
    pub struct RoleParams {
        /// "jwt": logins with a token. "oidc", which is what a role is if nothing is said, is for browsers and not known here.
        pub role_type: Option<String>,
        /// Audiences, one of which a token must be for; needed when tokens name an audience.
        pub bound_audiences: Option<Vec<String>>,
        /// The claim that names who logs in. Required.
        pub user_claim: Option<String>,
        /// Reads user_claim as a JSON Pointer.
        pub user_claim_json_pointer: Option<bool>,
        /// The subject that a token must be of.
        pub bound_subject: Option<String>,
        /// Claims and the values that they must have, each a value or a list of values.
        pub bound_claims: Option<Map>,
        /// "string" or "glob": whether a * in bound_claims stands for any text.
        pub bound_claims_type: Option<String>,
        /// The claim that names the groups of who logs in.
        pub groups_claim: Option<String>,
        /// Claims that are copied into the token's metadata, each with the name that it gets there.
        pub claim_mappings: Option<Map>,
        /// How far clocks may differ: 0 for 60 seconds, -1 for not at all.
        pub clock_skew_leeway: Option<Value>,
        /// How long a token without an end is taken: 0 for 150 seconds, -1 for not at all.
        pub expiration_leeway: Option<Value>,
        /// How long before its end a token without a beginning is taken: 0 for 150 seconds, -1 for not at all.
        pub not_before_leeway: Option<Value>,
    }
}

/// A time that clocks are allowed: 0 for what is usual, below 0 for none, else seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Leeway(pub(crate) i64);

impl Leeway {
    /// In seconds, with what is usual.
    pub(crate) fn or(self, usual: u64) -> u64 {
        if self.0 == 0 { usual } else { u64::try_from(self.0).unwrap_or(0) }
    }

    fn read(field: &str, value: &Value) -> Result<Self, Fault> {
        let wrong = || Fault::invalid(format!("{field}: must be a duration such as 60 or \"60s\", 0, or -1 for none"));
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if text.trim_start().starts_with('-') => Some(-1),
            Value::String(text) => Seconds::parse(text).and_then(|Seconds(seconds)| i64::try_from(seconds).ok()),
            _ => None,
        };
        number.filter(|seconds| *seconds <= i64::from(u32::MAX)).map(|seconds| Self(seconds.max(-1))).ok_or_else(wrong)
    }
}

/// A role as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Role {
    /// Version of this record's shape; 0 while it is not written.
    pub(crate) record: u8,
    pub(crate) bound_audiences: Vec<String>,
    pub(crate) user_claim: String,
    pub(crate) user_claim_json_pointer: bool,
    pub(crate) bound_subject: String,
    pub(crate) bound_claims: Map,
    pub(crate) bound_claims_type: String,
    pub(crate) groups_claim: String,
    pub(crate) claim_mappings: Map,
    pub(crate) clock_skew_leeway: Leeway,
    pub(crate) expiration_leeway: Leeway,
    pub(crate) not_before_leeway: Leeway,
    #[serde(flatten)]
    pub(crate) token: TokenFields,
}

impl Role {
    /// Takes what was sent over what was there before, and checks the whole.
    fn change(&mut self, sent: &Sent) -> Result<(), Fault> {
        let params: RoleParams = sent.read()?;
        if params.role_type.as_deref().unwrap_or("oidc") != "jwt" && (params.role_type.is_some() || self.record == 0) {
            return Err(Fault::invalid(
                "role_type: must be \"jwt\": logins through a browser (\"oidc\") are not known here",
            ));
        }
        self.record = 1;
        for (mine, new) in [
            (&mut self.user_claim, params.user_claim),
            (&mut self.bound_subject, params.bound_subject),
            (&mut self.bound_claims_type, params.bound_claims_type),
            (&mut self.groups_claim, params.groups_claim),
        ] {
            *mine = new.unwrap_or_else(|| std::mem::take(mine));
        }
        self.bound_audiences = params.bound_audiences.unwrap_or_else(|| std::mem::take(&mut self.bound_audiences));
        self.bound_claims = params.bound_claims.unwrap_or_else(|| std::mem::take(&mut self.bound_claims));
        self.claim_mappings = params.claim_mappings.unwrap_or_else(|| std::mem::take(&mut self.claim_mappings));
        self.user_claim_json_pointer = params.user_claim_json_pointer.unwrap_or(self.user_claim_json_pointer);
        for (field, mine, new) in [
            ("clock_skew_leeway", &mut self.clock_skew_leeway, params.clock_skew_leeway),
            ("expiration_leeway", &mut self.expiration_leeway, params.expiration_leeway),
            ("not_before_leeway", &mut self.not_before_leeway, params.not_before_leeway),
        ] {
            if let Some(value) = new {
                *mine = Leeway::read(field, &value)?;
            }
        }
        self.token.change(sent, OlderTokenParams::NAMES)?;
        self.check()
    }

    fn check(&mut self) -> Result<(), Fault> {
        if self.user_claim.is_empty() {
            return Err(Fault::invalid("a user claim must be defined on the role"));
        }
        match self.bound_claims_type.as_str() {
            "" => self.bound_claims_type = "string".to_owned(),
            "string" | "glob" => {}
            _ => return Err(Fault::invalid("bound_claims_type: must be \"string\" or \"glob\"")),
        }
        for (name, wanted) in &self.bound_claims {
            let plain = |value: &Value| !matches!(value, Value::Null | Value::Object(_) | Value::Array(_));
            let fine = match wanted {
                Value::Array(items) => items.len() <= LIST_MAX && items.iter().all(plain),
                one => plain(one),
            };
            if !fine {
                return Err(Fault::invalid(format!("bound_claims: {name:?} must have a value or a list of values")));
            }
            if self.bound_claims_type == "glob" && !texts(wanted) {
                return Err(Fault::invalid(format!("bound_claims: {name:?} is no text, and globs are")));
            }
        }
        self.check_mappings()?;
        let sizes = [self.bound_audiences.len(), self.bound_claims.len()];
        let claims = [&self.user_claim, &self.bound_subject, &self.groups_claim];
        let long = claims.into_iter().chain(&self.bound_audiences).any(|text| text.len() > TEXT_MAX);
        if sizes.iter().any(|size| *size > LIST_MAX) || long {
            return Err(Fault::invalid("a role has at most 256 audiences and claims, of at most 2048 bytes"));
        }
        let bound = !self.bound_audiences.is_empty()
            || !self.bound_subject.is_empty()
            || !self.bound_claims.is_empty()
            || !self.token.token_bound_cidrs.is_empty();
        if !bound {
            return Err(Fault::invalid("must have at least one bound constraint when creating/updating a role"));
        }
        Ok(())
    }

    /// What the host takes as metadata of a login.
    fn check_mappings(&self) -> Result<(), Fault> {
        let mut names: Vec<&str> = self.claim_mappings.values().filter_map(Value::as_str).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        if all != self.claim_mappings.len() || names.len() != all || names.contains(&"role") {
            let why = "claim_mappings: each claim must have a name of its own as text, and none may be \"role\"";
            return Err(Fault::invalid(why));
        }
        let fits = |name: &&str| !name.is_empty() && name.len() <= VALUE_MAX && !name.chars().any(char::is_control);
        if all > MAPPINGS_MAX
            || !names.iter().all(fits)
            || self.claim_mappings.keys().any(|claim| claim.len() > TEXT_MAX)
        {
            let why = "claim_mappings: at most 63, to names of 1 to 512 bytes without control characters";
            return Err(Fault::invalid(why));
        }
        Ok(())
    }

    /// The role as a read shows it.
    fn show(&self) -> Map {
        let mut fields = self.token.show();
        let own = json!({
            "role_type": "jwt", "bound_audiences": self.bound_audiences, "user_claim": self.user_claim,
            "user_claim_json_pointer": self.user_claim_json_pointer, "bound_subject": self.bound_subject,
            "bound_claims": self.bound_claims, "bound_claims_type": self.bound_claims_type,
            "groups_claim": self.groups_claim, "claim_mappings": self.claim_mappings,
            "clock_skew_leeway": self.clock_skew_leeway, "expiration_leeway": self.expiration_leeway,
            "not_before_leeway": self.not_before_leeway, "allowed_redirect_uris": null, "oidc_scopes": null,
            "verbose_oidc_logging": false, "max_age": 0,
        });
        if let Value::Object(own) = own {
            fields.extend(own);
        }
        fields
    }
}

fn texts(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_string),
        one => one.is_string(),
    }
}

/// The role of this name.
pub(crate) fn get(name: &str) -> Result<Option<Role>, Fault> {
    let key = key(name);
    // Whoever logs in says any name, also one that no role can have.
    if name.contains('/') || storage::get(&key) == Err(StorageError::InvalidKey) {
        return Ok(None);
    }
    storage::get_json(&key)
}

pub(crate) fn list(_request: &Request) -> Answer {
    Response::names("role/")
}

pub(crate) fn exists(request: &Request) -> Result<bool, Fault> {
    Ok(storage::get(&key(request.capture("name")))?.is_some())
}

pub(crate) fn read(request: &Request) -> Answer {
    match get(request.capture("name"))? {
        Some(role) => Response::data(&role.show()),
        None => Ok(Response::nothing()),
    }
}

pub(crate) fn write(request: &Request) -> Answer {
    let mut role = get(request.capture("name"))?.unwrap_or_default();
    role.change(&request.sent()?)?;
    storage::put_json(&key(request.capture("name")), &role)?;
    Ok(Response::nothing())
}

pub(crate) fn remove(request: &Request) -> Answer {
    storage::delete(&key(request.capture("name")))?;
    Ok(Response::nothing())
}

fn key(name: &str) -> String {
    format!("role/{}", name.to_lowercase())
}

#[cfg(test)]
mod tests;
