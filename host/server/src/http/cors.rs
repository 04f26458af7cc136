//! Pages of others that speak with this server from a browser: what `sys/config/cors` allows.

use gateway::Gateway;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use model::{Fault, Kind};
use system::CrossOrigin;

use super::AnswerBody;

/// What pages may do, for browsers, and how long these may remember it, in seconds.
const METHODS: &str = "DELETE, GET, OPTIONS, POST, PUT, PATCH, LIST";
const REMEMBERED: &str = "300";

/// A page's origin, where it may speak with this server.
pub(super) struct Page {
    origin: HeaderValue,
    /// The headers that it may send, where its browser asks before it sends anything.
    asks: Option<String>,
}

/// The page that a request comes from, if any does that may.
pub(super) async fn page(gateway: &Gateway, request: &Request<Incoming>) -> Result<Option<Page>, Fault> {
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(None) };
    let refused = || Fault::new(Kind::Denied, "origin not allowed");
    let text = origin.to_str().map_err(|_| refused())?;
    match gateway.cross_origin(text).await? {
        CrossOrigin::Unsaid => Ok(None),
        CrossOrigin::Refused => Err(refused()),
        CrossOrigin::Allowed(headers) => {
            let asks =
                request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
            Ok(Some(Page { origin: origin.clone(), asks: asks.then_some(headers) }))
        }
    }
}

impl Page {
    /// The answer to a browser that asks before it sends anything.
    pub(super) fn preflight(&self) -> Option<Response<AnswerBody>> {
        let headers = HeaderValue::try_from(self.asks.as_deref()?).ok()?;
        let mut response = Response::new(Either::Left(Full::default()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let fields = response.headers_mut();
        fields.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
        fields.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
        self.allow(&mut response);
        Some(response)
    }

    /// Lets the page see an answer.
    pub(super) fn allow(&self, response: &mut Response<AnswerBody>) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    }
}
