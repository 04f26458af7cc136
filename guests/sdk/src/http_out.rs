//! Questions to other servers, which the operator of this one allows. For auth methods.

use crate::{Fault, FaultKind};

#[cfg(target_family = "wasm")]
use crate::bindings::innkeeper::engine::http_out as host;
#[cfg(not(target_family = "wasm"))]
use native as host;

pub use crate::bindings::innkeeper::engine::http_out::{HttpError, HttpErrorKind, Method, Request, Response};

/// Asks, and waits for the whole answer, whatever its status.
pub fn send(request: &Request) -> Result<Response, HttpError> {
    host::send(request)
}

/// A GET of this URL, with the certificate authorities of this machine or, if given, only those of this PEM.
pub fn get(url: &str, ca_pem: Option<&str>) -> Request {
    Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        ca_pem: ca_pem.map(str::to_owned),
        timeout: 0,
    }
}

/// A POST of this JSON to this URL.
pub fn post_json(url: &str, ca_pem: Option<&str>, body: &serde_json::Value) -> Request {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Request { method: Method::Post, headers, body: body.to_string().into_bytes(), ..get(url, ca_pem) }
}

impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        let kind = match error.kind {
            HttpErrorKind::Invalid
            | HttpErrorKind::NotAllowed
            | HttpErrorKind::Unreachable
            | HttpErrorKind::Untrusted
            | HttpErrorKind::TooLarge => FaultKind::InvalidRequest,
            HttpErrorKind::Timeout | HttpErrorKind::TooMany => FaultKind::Unavailable,
            HttpErrorKind::NotGranted | HttpErrorKind::Internal => FaultKind::Internal,
        };
        Self::new(kind, error.message)
    }
}

/// Lets a function answer in the network's place in unit tests, on this thread.
#[cfg(not(target_family = "wasm"))]
pub fn answer_with(answer: impl Fn(&Request) -> Result<Response, HttpError> + 'static) {
    native::ANSWER.with_borrow_mut(|slot| *slot = Some(Box::new(answer)));
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;

    use super::{HttpError, HttpErrorKind, Request, Response};

    type Answer = Box<dyn Fn(&Request) -> Result<Response, HttpError>>;

    thread_local! {
        pub(super) static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
    }

    pub(super) fn send(request: &Request) -> Result<Response, HttpError> {
        let nobody = || HttpError { kind: HttpErrorKind::NotAllowed, message: "no host is allowed".to_owned() };
        ANSWER.with_borrow(|answer| answer.as_ref().map_or_else(|| Err(nobody()), |answer| answer(request)))
    }
}
