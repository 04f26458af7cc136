//! The envelope: all keys always present, as clients of the Vault API expect them.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::{Auth, LeaseInfo, WrapInfo};

/// What an answer says beside its data.
pub struct Beside<'a> {
    /// Identifies the request.
    pub id: &'a str,
    /// Shown to the client.
    pub warnings: &'a [String],
    /// The type of the mount that answered.
    pub mount_type: &'a str,
    /// The token that it gives out or renews.
    pub auth: Option<&'a Auth>,
    /// What it lends.
    pub lease: Option<&'a LeaseInfo>,
    /// Where it was put.
    pub wrap_info: Option<&'a WrapInfo>,
}

/// An answer as clients read it.
#[derive(Serialize)]
pub struct Envelope<'a> {
    request_id: &'a str,
    lease_id: &'a str,
    renewable: bool,
    lease_duration: u64,
    data: &'a RawValue,
    wrap_info: Option<Wrapped<'a>>,
    warnings: Option<&'a [String]>,
    auth: Option<Authenticated<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'a str,
}

#[derive(Serialize)]
struct Authenticated<'a> {
    client_token: &'a str,
    accessor: &'a str,
    policies: &'a [String],
    token_policies: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    identity_policies: &'a [String],
    metadata: Option<&'a BTreeMap<String, String>>,
    lease_duration: u64,
    renewable: bool,
    entity_id: &'a str,
    token_type: &'a str,
    orphan: bool,
    mfa_requirement: Option<()>,
    num_uses: u64,
}

#[derive(Serialize)]
struct Wrapped<'a> {
    token: &'a str,
    accessor: &'a str,
    ttl: u64,
    creation_time: &'a str,
    creation_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped_accessor: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Of an answer that was wrapped, only where it was put is shown: not even which request it answered.
    pub fn new(data: &'a RawValue, beside: &Beside<'a>) -> Self {
        let warnings = (!beside.warnings.is_empty()).then_some(beside.warnings);
        if let Some(info) = beside.wrap_info {
            return Self { warnings, ..Self::bare("", RawValue::NULL, Some(wrapped(info))) };
        }
        let lease = beside.lease;
        Self {
            lease_id: lease.map_or("", |lease| lease.id.as_str()),
            renewable: lease.is_some_and(|lease| lease.renewable),
            lease_duration: lease.map_or(0, |lease| lease.duration),
            warnings,
            auth: beside.auth.map(authenticated),
            mount_type: beside.mount_type,
            ..Self::bare(beside.id, data, None)
        }
    }

    fn bare(request_id: &'a str, data: &'a RawValue, wrap_info: Option<Wrapped<'a>>) -> Self {
        Self {
            request_id,
            lease_id: "",
            renewable: false,
            lease_duration: 0,
            data,
            wrap_info,
            warnings: None,
            auth: None,
            mount_type: "",
        }
    }
}

fn authenticated(auth: &Auth) -> Authenticated<'_> {
    Authenticated {
        client_token: auth.client_token.expose_secret(),
        accessor: &auth.accessor,
        policies: &auth.policies,
        token_policies: &auth.token_policies,
        identity_policies: &auth.identity_policies,
        metadata: (!auth.metadata.is_empty()).then_some(&auth.metadata),
        lease_duration: auth.lease_duration,
        renewable: auth.renewable,
        entity_id: &auth.entity_id,
        token_type: auth.token_type.name(),
        orphan: auth.orphan,
        mfa_requirement: None,
        num_uses: auth.num_uses,
    }
}

fn wrapped(info: &WrapInfo) -> Wrapped<'_> {
    Wrapped {
        token: info.token.expose_secret(),
        accessor: &info.accessor,
        ttl: info.ttl,
        creation_time: &info.creation_time,
        creation_path: &info.creation_path,
        wrapped_accessor: info.wrapped_accessor.as_deref(),
    }
}

/// The envelope with its data also at the top level. The envelope's own keys win.
pub fn flattened(fields: Map<String, Value>, warnings: &[String], id: &str) -> Map<String, Value> {
    let mut whole = fields.clone();
    for (key, value) in [
        ("request_id", json!(id)),
        ("lease_id", json!("")),
        ("renewable", json!(false)),
        ("lease_duration", json!(0)),
        ("wrap_info", Value::Null),
        ("warnings", if warnings.is_empty() { Value::Null } else { json!(warnings) }),
        ("auth", Value::Null),
        ("data", Value::Object(fields)),
    ] {
        whole.insert(key.to_owned(), value);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenKind;

    fn auth() -> Auth {
        Auth {
            client_token: "hvs.x".into(),
            accessor: "a".into(),
            display_name: "ann".into(),
            policies: vec!["default".into()],
            token_policies: vec!["default".into()],
            identity_policies: Vec::new(),
            metadata: BTreeMap::new(),
            lease_duration: 60,
            renewable: true,
            entity_id: String::new(),
            token_type: TokenKind::Service,
            orphan: false,
            num_uses: 0,
        }
    }

    fn shown(beside: &Beside<'_>) -> Value {
        serde_json::to_value(Envelope::new(RawValue::NULL, beside)).unwrap()
    }

    #[test]
    fn a_token_and_a_lease_stand_where_clients_read_them() {
        let (auth, lease) = (auth(), LeaseInfo { id: "m/x/1".into(), duration: 5, renewable: true });
        let beside =
            Beside { id: "r", warnings: &[], mount_type: "", auth: Some(&auth), lease: Some(&lease), wrap_info: None };
        let value = shown(&beside);
        assert_eq!((&value["lease_id"], &value["lease_duration"]), (&json!("m/x/1"), &json!(5)));
        assert_eq!(value["auth"]["client_token"], "hvs.x");
        assert_eq!(value["auth"]["token_type"], "service");
        assert!(value["auth"].get("identity_policies").is_none());
        assert_eq!(value["auth"]["mfa_requirement"], Value::Null);
    }

    #[test]
    fn a_wrapped_answer_shows_nothing_but_its_wrapping() {
        let auth = auth();
        let info = WrapInfo {
            token: "hvs.w".into(),
            accessor: "wa".into(),
            ttl: 60,
            creation_time: "2026-01-01T00:00:00Z".into(),
            creation_path: "auth/token/create".into(),
            wrapped_accessor: Some("a".into()),
        };
        let beside =
            Beside { id: "r", warnings: &[], mount_type: "t", auth: Some(&auth), lease: None, wrap_info: Some(&info) };
        let value = shown(&beside);
        assert_eq!((&value["request_id"], &value["auth"], &value["data"]), (&json!(""), &Value::Null, &Value::Null));
        assert_eq!(value["wrap_info"]["token"], "hvs.w");
        assert_eq!(value["wrap_info"]["wrapped_accessor"], "a");
    }
}
