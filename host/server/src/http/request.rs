//! Reads an HTTP request into an [`Arrival`]: everything in it is bounded and checked here.

use std::time::Duration;

use gateway::{Arrival, Told};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap};
use hyper::http::request::Parts;
use jiff::SignedDuration;
use model::{Fault, Kind, Operation, Stream};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde_json::{Map, Value};
use traces::Trace;

use super::Client;

/// Longest token, in bytes.
const TOKEN_MAX: usize = 8192;
/// Most request headers that are handed on.
const HEADERS_MAX: usize = 64;
/// Most query parameters.
const QUERY_MAX: usize = 1024;
const WRAP_TTL: &str = "x-vault-wrap-ttl";
const FORM: &str = "application/x-www-form-urlencoded";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The head of a request, checked: what is wanted, where, and by whom.
pub struct Head {
    operation: Operation,
    path: String,
    namespace: Option<String>,
    token: Option<SecretString>,
    query: Vec<(String, String)>,
    content_type: String,
    media: String,
    headers: Vec<(String, String)>,
    wrap_ttl: Option<Duration>,
    help: bool,
}

impl Head {
    /// Reads the line and the headers of a request.
    pub fn read(head: &Parts) -> Result<Self, Fault> {
        let mut query = form(head.uri.query().unwrap_or_default())?;
        let listing = take_flag(&mut query, "list");
        let help = take_flag(&mut query, "help");
        let operation = operation(&head.method, listing)?;
        let mut path = path(head.uri.path())?;
        if operation.has_body() && path.ends_with('/') {
            return Err(Fault::invalid("cannot write to a path ending in '/'"));
        }
        // One thing has one path, or a rule for it would not be met by every request for it.
        path.truncate(path.trim_end_matches('/').len());
        let content_type = text_header(&head.headers, CONTENT_TYPE.as_str())?.unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if operation == Operation::Patch && media != MERGE_PATCH {
            return Err(Fault::new(Kind::UnsupportedMediaType, format!("PATCH requires Content-Type: {MERGE_PATCH}")));
        }
        let token = token(&head.headers)?;
        // What is no text is no namespace either, but only the corridor knows whether this path wants one.
        let namespace = head.headers.get("x-vault-namespace");
        let namespace = namespace.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let headers = handed_on(&head.headers);
        // Probes are answered whatever a client always sends along.
        let wrap_ttl = if gateway::is_in_front(&path) { None } else { wrap_ttl(&head.headers)? };
        Ok(Self { operation, path, namespace, token, query, content_type, media, headers, wrap_ttl, help })
    }

    /// Whether the body is taken piece by piece, by whoever is asked.
    pub fn takes_upload(&self) -> bool {
        gateway::takes_upload(self.operation, &self.path)
    }

    /// The request with its body, or what brings it.
    pub fn arrival(self, id: String, client: Client, body: Vec<u8>, upload: Option<Stream>) -> Result<Arrival, Fault> {
        let Self { operation, path, namespace, token, query, content_type, media, headers, wrap_ttl, help } = self;
        // curl sends JSON under the form's media type unless told otherwise; a form begins with neither brace nor bracket.
        let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
        let is_form = media == FORM && operation.has_body() && !is_json;
        let body = if is_form { form_body(&body)? } else { body };
        let Client { peer, certificate: client_certificate, .. } = client;
        Ok(Arrival {
            id,
            operation,
            path,
            namespace,
            token,
            query,
            body,
            upload,
            content_type,
            headers,
            peer,
            client_certificate,
            wrap_ttl,
            help,
            trace: Trace::default(),
            told: Told::default(),
        })
    }
}

fn operation(method: &Method, listing: bool) -> Result<Operation, Fault> {
    match method.as_str() {
        "GET" | "HEAD" if listing => Ok(Operation::List),
        "GET" | "HEAD" => Ok(Operation::Read),
        "LIST" => Ok(Operation::List),
        "POST" | "PUT" => Ok(Operation::Update),
        "PATCH" => Ok(Operation::Patch),
        "DELETE" => Ok(Operation::Delete),
        _ => Err(Fault::new(Kind::UnsupportedOperation, "unsupported operation")),
    }
}

/// The path below `/v1/`, decoded once. Doubled slashes count as one, as stock clients send them.
fn path(raw: &str) -> Result<String, Fault> {
    let below = raw.strip_prefix("/v1/").ok_or_else(Fault::absent)?;
    // What stands for no byte would be a name here and an error for whoever forwards it.
    let escaped = |rest: &str| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !below.split('%').skip(1).all(escaped) {
        return Err(Fault::invalid("the path holds a percent sign that is not followed by two hexadecimal digits"));
    }
    let decoded = percent_decode_str(below).decode_utf8().map_err(|_| Fault::invalid("the path is not UTF-8"))?;
    if decoded.len() > model::PATH_MAX {
        return Err(Fault::invalid("the path is longer than 1024 bytes"));
    }
    if decoded.chars().any(char::is_control) {
        return Err(Fault::invalid("the path must not hold control characters"));
    }
    let folder = decoded.ends_with('/');
    let mut clean = String::with_capacity(decoded.len());
    for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
        if segment == "." || segment == ".." {
            return Err(Fault::invalid("relative paths not supported"));
        }
        if !clean.is_empty() {
            clean.push('/');
        }
        clean.push_str(segment);
    }
    if folder && !clean.is_empty() {
        clean.push('/');
    }
    Ok(clean)
}

/// `a=b&c=d`, decoded.
fn form(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| Fault::invalid("a parameter is not UTF-8"))
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let decoded: Vec<_> = pairs
        .take(QUERY_MAX + 1)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect::<Result<_, Fault>>()?;
    if decoded.len() > QUERY_MAX { Err(Fault::invalid("more than 1024 parameters")) } else { Ok(decoded) }
}

/// Takes a boolean parameter that is meant for the door.
fn take_flag(query: &mut Vec<(String, String)>, name: &str) -> bool {
    let set = query
        .iter()
        .any(|(key, value)| key == name && matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "t"));
    query.retain(|(key, _)| key != name);
    set
}

/// A form as the JSON object that everything behind the door reads.
fn form_body(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::invalid("the form is not UTF-8"))?;
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in form(text)? {
        let value = Value::String(value);
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Ok(Value::Object(fields).to_string().into_bytes())
}

fn token(headers: &HeaderMap) -> Result<Option<SecretString>, Fault> {
    let bearer = || -> Result<Option<String>, Fault> {
        let Some(text) = text_header(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
        let (scheme, rest) = text.split_once(' ').unwrap_or((&text, ""));
        Ok(scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim().to_owned()))
    };
    let found = match text_header(headers, "x-vault-token")? {
        Some(token) if !token.is_empty() => Some(token),
        _ => bearer()?,
    };
    match found {
        Some(token) if token.len() > TOKEN_MAX => Err(Fault::invalid("the token is longer than 8192 bytes")),
        Some(token) if !token.is_empty() => Ok(Some(SecretString::from(token))),
        _ => Ok(None),
    }
}

/// For how long the answer is to be wrapped, if at all.
fn wrap_ttl(headers: &HeaderMap) -> Result<Option<Duration>, Fault> {
    let Some(text) = text_header(headers, WRAP_TTL)? else { return Ok(None) };
    let ttl = go_duration(text.trim()).ok_or_else(|| {
        Fault::invalid("X-Vault-Wrap-TTL: must be seconds, or a duration such as \"5m\" or \"1h30m\", not negative")
    })?;
    let format = text_header(headers, "x-vault-wrap-format")?.unwrap_or_default();
    if !ttl.is_zero() && format.eq_ignore_ascii_case("jwt") {
        return Err(Fault::invalid("X-Vault-Wrap-Format: wrapping tokens are not given as JWT here; leave it out"));
    }
    Ok(Some(ttl).filter(|ttl| !ttl.is_zero()))
}

/// A duration as clients of the Vault API write it, in whole seconds: parts of a second count as one.
fn go_duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return Some(Duration::ZERO);
    }
    let days = |text: &str| text.strip_suffix('d')?.parse::<u64>().ok()?.checked_mul(86_400);
    if let Some(seconds) = text.parse().ok().or_else(|| days(text)) {
        return Some(Duration::from_secs(seconds));
    }
    let duration = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
    Some(Duration::from_secs(duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))))
}

fn text_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(Fault::invalid(format!("the header {name} must be visible ASCII"))),
    }
}

/// Headers that an engine may be shown, without those that carry credentials.
fn handed_on(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = |name: &str| name == "x-vault-token" || name == AUTHORIZATION.as_str() || name == COOKIE.as_str();
    let readable = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let kept = readable.filter(|(name, value)| !secret(name) && value.len() <= 8192);
    kept.take(HEADERS_MAX).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once_and_cannot_climb() {
        assert_eq!(path("/v1/pki//issue/a%20b").unwrap(), "pki/issue/a b");
        assert_eq!(path("/v1/a/").unwrap(), "a/");
        assert_eq!(path("/v1/a%252e").unwrap(), "a%2e");
        for bad in [
            "/v1/a/../b",
            "/v1/%2e%2e/b",
            "/v1/a/.",
            "/v1/a%00b",
            "/v1/a%0ab",
            "/v1/%ff",
            "/v1/a%zz",
            "/v1/a%2",
            "/v1/%",
            "/v2/a",
            "/",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
        assert!(path(&format!("/v1/{}", "a".repeat(model::PATH_MAX))).is_ok());
        assert!(path(&format!("/v1/{}", "a".repeat(model::PATH_MAX + 1))).is_err());
    }

    #[test]
    fn the_time_that_an_answer_is_wrapped_for_reads_seconds_and_durations_and_is_never_negative() {
        for (text, seconds) in [
            ("", 0),
            ("0", 0),
            ("0s", 0),
            ("300", 300),
            ("5m", 300),
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("2d", 172_800),
            ("5ms", 1),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["-1", "-5s", "soon", "5x", "m", "1h-5m", "99999999999999999999h"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_form_becomes_an_object_with_lists_where_repeated() {
        assert_eq!(form_body(b"a=1&b=x%20y&a=2").unwrap(), br#"{"a":["1","2"],"b":"x y"}"#);
    }
}
