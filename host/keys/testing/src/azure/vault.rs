//! The keys of vaults, by the REST reference.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::authority::{Token, form};
use super::listen::{Answer, Request};
use super::pair::{Pair, Sort};
use super::{NEAR_SIGHTED, STRANGER, State, TENANT, UNSPEAKABLE, now, random};

/// Versions on a page: few, so that pages are tried.
const PAGE: usize = 2;

/// A version of a key.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    id: String,
    kty: String,
    pair: Pair,
    public: Value,
    pub(crate) created: u64,
    pub(crate) enabled: bool,
    pub(crate) not_before: Option<u64>,
    pub(crate) expires: Option<u64>,
    pub(crate) operations: Vec<String>,
}

impl Version {
    fn make(kty: &str, sort: Sort, operations: Vec<String>, folder: &Path, serial: u64) -> Self {
        let pair = Pair::make(sort, folder.join(format!("key-{serial}.pem")));
        let public = pair.public();
        let (id, kty) = (random(), kty.to_owned());
        Self { id, kty, pair, public, created: now(), enabled: true, not_before: None, expires: None, operations }
    }

    pub(crate) fn rotated(&self, folder: &Path, serial: u64) -> Self {
        Self::make(&self.kty, self.pair.sort, self.operations.clone(), folder, serial)
    }

    fn attributes(&self) -> Value {
        let mut all = json!({ "enabled": self.enabled, "created": self.created, "updated": self.created,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90 });
        for (name, value) in [("nbf", self.not_before), ("exp", self.expires)] {
            value.into_iter().for_each(|value| all[name] = json!(value));
        }
        all
    }

    fn bundle(&self, kid: &str) -> Value {
        let mut key = self.public.clone();
        key["kid"] = json!(kid);
        key["kty"] = json!(self.kty);
        key["key_ops"] = json!(self.operations);
        json!({ "key": key, "attributes": self.attributes() })
    }

    /// Why an operation is refused, by the key's state.
    fn refusal(&self, operation: &str) -> Option<Answer> {
        let late = |time: Option<u64>| time.is_some_and(|time| time <= now());
        let early = self.not_before.is_some_and(|time| now() < time);
        // The service lets these two decrypt, and so does this.
        let (inner, text) = match () {
            () if !self.enabled => ("KeyDisabled", "is not allowed on a disabled key"),
            () if operation == "sign" && late(self.expires) => ("", "is not allowed on an expired key"),
            () if operation == "sign" && early => ("", "is not allowed on a key that is not valid yet"),
            () if !self.operations.iter().any(|able| able == operation) => {
                ("KeyOperationForbidden", "is not permitted on this key")
            }
            () => return None,
        };
        Some(error(403, "Forbidden", inner, &format!("Operation {operation} {text}")))
    }
}

/// Answers a request to a vault.
pub(crate) fn answer(state: &State, request: &Request) -> Answer {
    let domain = request.host.split_once('.').map(|(_, domain)| domain).unwrap_or_default();
    let token = match admitted(state, request, domain) {
        Ok(token) => token,
        Err(refusal) => return *refusal,
    };
    if token.client == STRANGER {
        return error(403, "Forbidden", "ForbiddenByRbac", "Caller is not authorized");
    }
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["keys", name, "create"]) => create(state, request, name, domain),
        ("GET", ["keys", _, "versions"]) if token.client == NEAR_SIGHTED => {
            error(403, "Forbidden", "ForbiddenByRbac", "Caller may not list")
        }
        ("GET", ["keys", name, "versions"]) => list(state, request, name),
        ("GET", ["keys", name]) => get(state, request, name, ""),
        ("GET", ["keys", name, version]) => get(state, request, name, version),
        ("POST", ["keys", name, version, operation @ ("sign" | "decrypt")]) => {
            operate(state, request, name, version, operation)
        }
        _ => error(400, "BadParameter", "", "No such path"),
    }
}

/// The token of a request, if it is one for this vault; else the challenge.
fn admitted(state: &State, request: &Request, domain: &str) -> Result<Token, Box<Answer>> {
    let challenge = || {
        let mut answer = error(401, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token.");
        // A vault whose name begins so asks for what is another's.
        let resource = if request.host.starts_with("greedy") { "management.azure.com" } else { domain };
        let value =
            format!("Bearer authorization=\"https://login.windows.net/{TENANT}\", resource=\"https://{resource}\"");
        answer.headers.push(("WWW-Authenticate".into(), value));
        Box::new(answer)
    };
    let given =
        request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(challenge)?;
    let token = state.lock().tokens.get(given).cloned().ok_or_else(challenge)?;
    let good = token.audience == format!("https://{domain}") && token.tenant == TENANT && token.expires > now();
    good.then_some(token).ok_or_else(challenge)
}

fn create(state: &State, request: &Request, name: &str, domain: &str) -> Answer {
    let Ok(wish) = serde_json::from_slice::<Value>(&request.body) else {
        return error(400, "BadParameter", "", "Not JSON");
    };
    let kty = wish["kty"].as_str().unwrap_or_default();
    let sort = match kty {
        "RSA" | "RSA-HSM" => wish["key_size"].as_u64().filter(|bits| [2048, 3072, 4096].contains(bits)).map(Sort::Rsa),
        "EC" | "EC-HSM" => Sort::curve(wish["crv"].as_str().unwrap_or_default()),
        _ => None,
    };
    let Some(sort) = sort.filter(|_| !domain.starts_with("managedhsm") || kty.ends_with("-HSM")) else {
        return error(400, "BadParameter", "", "Property has invalid value");
    };
    let operations = wish["key_ops"].as_array().cloned().unwrap_or_default();
    let operations = operations.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let serial = state.lock().next();
    let version = Version::make(kty, sort, operations, &state.folder, serial);
    let bundle = version.bundle(&kid(request, name, &version.id));
    state.lock().keys.entry((request.host.clone(), name.to_owned())).or_default().push(version);
    Answer::json(200, &bundle)
}

fn get(state: &State, request: &Request, name: &str, version: &str) -> Answer {
    match find(state, request, name, version) {
        Some(found) => Answer::json(200, &found.bundle(&kid(request, name, &found.id))),
        None => absent(),
    }
}

fn list(state: &State, request: &Request, name: &str) -> Answer {
    let key = (request.host.clone(), name.to_owned());
    let Some(mut versions) = state.lock().keys.get(&key).cloned() else { return absent() };
    // In no order that means anything.
    versions.sort_by(|one, other| one.id.cmp(&other.id));
    let skip: usize = form(&request.query).get("$skiptoken").and_then(|skip| skip.parse().ok()).unwrap_or(0);
    let item =
        |version: &Version| json!({ "kid": kid(request, name, &version.id), "attributes": version.attributes() });
    let page: Vec<Value> = versions.iter().skip(skip).take(PAGE).map(item).collect();
    let more = (skip + PAGE < versions.len()).then(|| {
        format!("https://{}:443/keys/{name}/versions?api-version=7.6&$skiptoken={}", request.host, skip + PAGE)
    });
    Answer::json(200, &json!({ "value": Value::Array(page), "nextLink": more }))
}

fn operate(state: &State, request: &Request, name: &str, version: &str, operation: &str) -> Answer {
    let Some(found) = find(state, request, name, version) else { return absent() };
    if let Some(refusal) = found.refusal(operation) {
        return refusal;
    }
    let wish: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (algorithm, value) = (wish["alg"].as_str().unwrap_or_default(), wish["value"].as_str().unwrap_or_default());
    let Ok(value) = URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')) else {
        return error(400, "BadParameter", "", "Not base64url");
    };
    let done = match operation {
        "sign" => found.pair.sign(algorithm, &value),
        _ => found.pair.decrypt(algorithm, &value),
    };
    match done {
        Some(done) => Answer::json(200, &json!({ "kid": kid(request, name, &found.id), "value": encode(&done) })),
        None => error(400, "BadParameter", "", "Key and algorithm are incompatible"),
    }
}

fn find(state: &State, request: &Request, name: &str, version: &str) -> Option<Version> {
    let inner = state.lock();
    let versions = inner.keys.get(&(request.host.clone(), name.to_owned()))?;
    let found = if version.is_empty() { versions.last() } else { versions.iter().find(|known| known.id == version) };
    found.cloned()
}

fn kid(request: &Request, name: &str, version: &str) -> String {
    format!("https://{}/keys/{name}/{version}", request.host)
}

fn absent() -> Answer {
    error(404, "KeyNotFound", "", "A key with this name or id was not found in this key vault")
}

fn error(status: u16, code: &str, inner: &str, text: &str) -> Answer {
    let mut error = json!({ "code": code, "message": format!("{text}. {UNSPEAKABLE}") });
    if !inner.is_empty() {
        error["innererror"] = json!({ "code": inner });
    }
    Answer::json(status, &json!({ "error": error }))
}

/// Base64 for URLs, as JSON Web Keys have it.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
