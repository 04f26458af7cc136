//! Makes HTTP of an answer: the envelope, errors, and bytes as they are.

use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, STRICT_TRANSPORT_SECURITY};
use hyper::{Response, StatusCode};
use model::envelope::{Beside, Envelope, flattened};
use model::{Fault, Kind, Operation, Payload, Reply};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{download, status};

/// The body of an answer: all of it, or as it is made.
pub type AnswerBody = Either<Full<Bytes>, Channel<Bytes, Fault>>;
type Answer = Response<AnswerBody>;

pub(crate) fn build(result: Result<Reply, Fault>, operation: Operation, id: &str, tls: bool) -> Answer {
    let mut response = match result {
        Ok(reply) => success(reply, operation, id),
        Err(fault) => failure(&fault, id),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
    response
}

/// The answer to a request without the header that this listener demands.
pub(super) fn missing_request_header() -> Reply {
    Reply::bare(StatusCode::PRECONDITION_FAILED.as_u16(), json!({ "errors": ["missing 'X-Vault-Request' header"] }))
}

fn success(reply: Reply, operation: Operation, id: &str) -> Answer {
    let Reply { payload, status, warnings, headers, mount_type, auth, lease, wrap_info } = reply;
    let beside = Beside {
        id,
        warnings: &warnings,
        mount_type: &mount_type,
        auth: auth.as_ref(),
        lease: lease.as_ref(),
        wrap_info: wrap_info.as_ref(),
    };
    let code = status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    let mut response = match payload {
        _ if wrap_info.is_some() => envelope(StatusCode::OK, RawValue::NULL, &beside),
        Payload::Nothing if warnings.is_empty() && auth.is_none() => nothing(operation),
        Payload::Nothing => envelope(code, RawValue::NULL, &beside),
        Payload::Data(data) => envelope(code, &data, &beside),
        Payload::Flattened(fields) => json_body(code, &flattened(fields, &warnings, id)),
        Payload::Bare(value) => json_body(code, &value),
        Payload::Raw { bytes, .. } if bytes.is_empty() => empty(StatusCode::NO_CONTENT),
        Payload::Raw { status, content_type, bytes } => raw(status, &content_type, bytes),
        Payload::Streamed { content_type, stream } => {
            answer(StatusCode::OK, content_type, Either::Right(download::body(stream)))
        }
    };
    append(&mut response, &headers);
    response
}

/// Adds headers to what an answer has already.
pub(super) fn append(response: &mut Answer, headers: &[(String, String)]) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
}

/// What is not there: 404 when it was asked for, 204 when it was written.
fn nothing(operation: Operation) -> Answer {
    match operation {
        Operation::Read | Operation::List => json_body(StatusCode::NOT_FOUND, &json!({ "errors": [] })),
        _ => empty(StatusCode::NO_CONTENT),
    }
}

fn envelope(code: StatusCode, data: &RawValue, beside: &Beside<'_>) -> Answer {
    json_body(code, &Envelope::new(data, beside))
}

fn failure(fault: &Fault, id: &str) -> Answer {
    let errors: Vec<String> = match fault.kind {
        Kind::Internal => fault.messages.iter().map(|text| format!("{text} (request id {id})")).collect(),
        Kind::Sealed => vec!["Vault is sealed".to_owned()],
        _ => fault.messages.clone(),
    };
    let mut response = json_body(status::of(fault.kind), &json!({ "errors": errors }));
    if let Some(wait) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}

fn json_body(code: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = serde_json::to_vec(value).unwrap_or_else(|_| br#"{"errors":["internal error"]}"#.to_vec());
    bytes.push(b'\n');
    raw(code.as_u16(), "application/json", bytes)
}

fn raw(code: u16, content_type: &str, bytes: Vec<u8>) -> Answer {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(code, content_type, Either::Left(Full::new(Bytes::from(bytes))))
}

fn answer(code: StatusCode, content_type: &str, body: AnswerBody) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    if let (false, Ok(value)) = (content_type.is_empty(), HeaderValue::try_from(content_type)) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

fn empty(code: StatusCode) -> Answer {
    answer(code, "", Either::Left(Full::default()))
}
