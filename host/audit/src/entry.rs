//! Entries as lines of JSON, one rendering for each device, in the shape that readers of Vault's audit logs know.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use model::{Fault, Operation};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::data::{Veil, Veiled, elided};
use crate::device::Device;
use crate::facts::{Answer, Auth, Data, KeyUse, Mount, Namespace, Refusal, Request, Wrap};
use crate::table::Header;

/// What a recording keeps of a request for each device, so that nothing is hashed twice.
pub(crate) struct Rendered {
    auth: Option<Box<RawValue>>,
    request: Box<RawValue>,
    /// Without the body, for entries about what was done on the way.
    head: Box<RawValue>,
    mount: Option<Mount>,
    operation: Option<Operation>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<&'a RawValue>,
    request: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyShown<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    power: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

#[derive(Serialize)]
struct AuthShown<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    client_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    accessor: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    display_name: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    policies: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    token_policies: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    identity_policies: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_results: Option<DecisionShown<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    num_uses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    remaining_uses: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    entity_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    token_type: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    token_ttl: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    token_issue_time: String,
}

#[derive(Serialize)]
struct DecisionShown<'a> {
    allowed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granting_policies: Vec<PolicyShown<'a>>,
}

#[derive(Serialize)]
struct PolicyShown<'a> {
    name: &'a str,
    namespace_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace_path: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct NamespaceShown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
}

#[derive(Default, Serialize)]
struct MountShown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_accessor: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_class: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_point: &'a str,
}

#[derive(Serialize)]
struct RequestShown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(flatten)]
    mount: MountShown<'a>,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_token_accessor: String,
    namespace: NamespaceShown<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(flatten)]
    data: Veiled,
    #[serde(skip_serializing_if = "str::is_empty")]
    remote_address: &'a str,
    #[serde(skip_serializing_if = "is_zero_port")]
    remote_port: u16,
    #[serde(skip_serializing_if = "is_zero")]
    wrap_ttl: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    policy_override: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, Vec<String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_certificate_serial_number: &'a str,
}

#[derive(Serialize)]
struct ResponseShown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthShown<'a>>,
    #[serde(flatten)]
    mount: MountShown<'a>,
    #[serde(flatten)]
    data: Veiled,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<LeaseShown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_info: Option<WrapShown<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, Vec<&'a str>>,
}

#[derive(Serialize)]
struct LeaseShown<'a> {
    lease_id: &'a str,
}

#[derive(Serialize)]
struct WrapShown<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    ttl: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    accessor: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    creation_time: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    creation_path: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    wrapped_accessor: String,
}

#[derive(Serialize)]
struct KeyShown<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uuid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    home: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    r#type: &'a str,
    act: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    algorithm: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_length: Option<usize>,
    result: &'static str,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero_port(number: &u16) -> bool {
    *number == 0
}

/// RFC 3339 in UTC, to the nanosecond.
fn stamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let nanoseconds = i32::try_from(since.subsec_nanos()).unwrap_or_default();
    Timestamp::new(seconds, nanoseconds).map_or_else(|_| String::new(), |time| time.to_string())
}

impl Device {
    /// What every entry about a request says.
    pub(crate) fn render(
        &self,
        request: &Request<'_>,
        auth: Option<&Auth>,
        headers: &BTreeMap<String, Header>,
    ) -> Result<Rendered, Fault> {
        let data = match &request.data {
            Data::Nothing => Veiled::default(),
            Data::Bytes(bytes) => self.veil(request.clear).whole(bytes),
            Data::Object(object) => self.veil(request.clear).object(object),
        };
        let mut shown = self.request(request, headers);
        let head = raw(&shown)?;
        shown.data = data;
        Ok(Rendered {
            auth: auth.map(|auth| raw(&self.auth(auth))).transpose()?,
            request: raw(&shown)?,
            head,
            mount: request.mount.clone(),
            operation: request.operation,
        })
    }

    pub(crate) fn request_line(&self, of: &Rendered, error: &str, time: SystemTime) -> Result<Vec<u8>, Fault> {
        self.line(&Line { r#type: "request", ..line(of, error, time) })
    }

    pub(crate) fn response_line(
        &self,
        of: &Rendered,
        answer: &Answer<'_>,
        error: &str,
        time: SystemTime,
    ) -> Result<Vec<u8>, Fault> {
        let response = Some(self.response(of, answer));
        self.line(&Line { r#type: "response", response, ..line(of, error, time) })
    }

    pub(crate) fn key_line(&self, of: &Rendered, used: &KeyUse<'_>, time: SystemTime) -> Result<Vec<u8>, Fault> {
        let key = KeyShown {
            name: used.name,
            uuid: used.uuid,
            home: used.home,
            r#type: &used.key_type,
            act: used.act,
            algorithm: &used.algorithm,
            digest: used.digest.map(hex::encode).unwrap_or_default(),
            input_length: used.input_length,
            result: if used.error.is_empty() { "done" } else { "failed" },
        };
        let about = line(of, &used.error, time);
        self.line(&Line { r#type: "key-use", key: Some(key), request: &of.head, ..about })
    }

    pub(crate) fn refusal_line(&self, of: &Rendered, refusal: Refusal<'_>, time: SystemTime) -> Result<Vec<u8>, Fault> {
        let about = line(of, refusal.error, time);
        self.line(&Line { r#type: "refusal", power: refusal.power, request: &of.head, ..about })
    }

    fn line(&self, line: &Line<'_>) -> Result<Vec<u8>, Fault> {
        let mut bytes = self.format.prefix.clone().into_bytes();
        serde_json::to_writer(&mut bytes, line).map_err(|error| unwritable(&error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn veil<'a>(&'a self, clear: &'a [String]) -> Veil<'a> {
        Veil { salt: &self.salt, raw: self.format.log_raw, clear }
    }

    fn secret(&self, secret: Option<&SecretString>) -> String {
        let text = secret.map(ExposeSecret::expose_secret).unwrap_or_default();
        if self.format.log_raw { text.to_owned() } else { self.salt.hash(text) }
    }

    fn accessor(&self, accessor: &str) -> String {
        let is_hashed = self.format.hmac_accessor && !self.format.log_raw;
        if is_hashed { self.salt.hash(accessor) } else { accessor.to_owned() }
    }

    fn request<'a>(&self, request: &'a Request<'a>, headers: &BTreeMap<String, Header>) -> RequestShown<'a> {
        let mut shown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, value) in request.headers {
            let Some(header) = headers.get(name) else { continue };
            let is_hashed = header.hmac && !self.format.log_raw;
            let value = if is_hashed { self.salt.hash(value) } else { value.clone() };
            shown.entry(name).or_default().push(value);
        }
        RequestShown {
            id: &request.id,
            client_id: &request.client_id,
            operation: request.operation.map(Operation::name),
            mount: mount(request.mount.as_ref()),
            client_token: self.secret(request.client_token.as_ref()),
            client_token_accessor: self.accessor(&request.client_token_accessor),
            namespace: namespace(&request.namespace),
            path: &request.path,
            data: Veiled::default(),
            remote_address: &request.remote_address,
            remote_port: request.remote_port,
            wrap_ttl: request.wrap_ttl,
            policy_override: request.policy_override,
            headers: shown,
            client_certificate_serial_number: &request.client_certificate_serial_number,
        }
    }

    fn auth<'a>(&self, auth: &'a Auth) -> AuthShown<'a> {
        AuthShown {
            client_token: self.secret(auth.client_token.as_ref()),
            accessor: self.accessor(&auth.accessor),
            display_name: &auth.display_name,
            policies: &auth.policies,
            token_policies: &auth.token_policies,
            identity_policies: &auth.identity_policies,
            policy_results: auth.decision.as_ref().map(|(allowed, granting)| DecisionShown {
                allowed: *allowed,
                granting_policies: granting
                    .iter()
                    .map(|policy| PolicyShown {
                        name: &policy.name,
                        namespace_id: &policy.namespace.id,
                        namespace_path: &policy.namespace.path,
                        r#type: "acl",
                    })
                    .collect(),
            }),
            metadata: auth.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            num_uses: auth.num_uses,
            remaining_uses: auth.remaining_uses,
            entity_id: &auth.entity_id,
            token_type: &auth.token_type,
            token_ttl: auth.token_ttl,
            token_issue_time: auth.token_issue_time.map(stamp).unwrap_or_default(),
        }
    }

    fn response<'a>(&self, of: &'a Rendered, answer: &'a Answer<'a>) -> ResponseShown<'a> {
        let data = match &answer.data {
            Data::Nothing => Veiled::default(),
            Data::Bytes(bytes) => self.veil(answer.clear).whole(bytes),
            Data::Object(object) => {
                let counts = self.format.elide_list_responses && of.operation == Some(Operation::List);
                let counted = counts.then(|| elided(object)).flatten();
                self.veil(answer.clear).object(counted.as_deref().unwrap_or(object))
            }
        };
        let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in answer.headers {
            headers.entry(name).or_default().push(value);
        }
        ResponseShown {
            auth: answer.auth.map(|auth| self.auth(auth)),
            mount: mount(of.mount.as_ref()),
            data,
            secret: Some(answer.lease_id).filter(|id| !id.is_empty()).map(|lease_id| LeaseShown { lease_id }),
            wrap_info: answer.wrap.map(|wrap| self.wrap(wrap)),
            warnings: answer.warnings,
            headers,
        }
    }

    fn wrap<'a>(&self, wrap: &'a Wrap) -> WrapShown<'a> {
        WrapShown {
            ttl: wrap.ttl,
            token: self.secret(wrap.token.as_ref()),
            accessor: self.accessor(&wrap.accessor),
            creation_time: &wrap.creation_time,
            creation_path: &wrap.creation_path,
            wrapped_accessor: self.accessor(&wrap.wrapped_accessor),
        }
    }
}

fn line<'a>(of: &'a Rendered, error: &'a str, time: SystemTime) -> Line<'a> {
    Line {
        time: stamp(time),
        r#type: "",
        auth: of.auth.as_deref(),
        request: &of.request,
        response: None,
        key: None,
        power: "",
        error,
    }
}

fn mount(mount: Option<&Mount>) -> MountShown<'_> {
    mount.map_or_else(MountShown::default, |mount| MountShown {
        mount_type: &mount.kind,
        mount_accessor: &mount.accessor,
        mount_class: mount.class,
        mount_point: &mount.point,
    })
}

fn namespace(namespace: &Namespace) -> NamespaceShown<'_> {
    NamespaceShown { id: &namespace.id, path: &namespace.path }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Fault> {
    to_raw_value(value).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_json::Error) -> Fault {
    Fault::internal(format!("an audit entry does not serialise: {error}"))
}
