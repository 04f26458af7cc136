//! Between HTTP and the corridor.

mod download;
mod request;
mod response;
mod status;
mod upload;

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use gateway::Gateway;
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Method, Request, Response};
use model::Fault;

pub use response::AnswerBody;

/// What a request's body may cost.
#[derive(Clone, Copy, Debug)]
pub struct BodyBounds {
    /// Most bytes.
    pub size: usize,
    /// Longest time until it is complete.
    pub time: Duration,
}

/// Answers one HTTP request. Whatever happens, an answer comes of it.
pub async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    peer: SocketAddr,
    tls: bool,
    bounds: BodyBounds,
) -> Response<AnswerBody> {
    let started = std::time::Instant::now();
    let id = request_id();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (operation, result) = match request::arrival(request, id.clone(), peer, bounds).await {
        Ok(arrival) => (arrival.operation, gateway.serve(arrival).await),
        Err(fault) => (model::Operation::Read, Err(fault)),
    };
    if let Err(fault) = &result {
        note(&id, fault);
    }
    let mut response = response::build(result, operation, &id, tls);
    if method == Method::HEAD {
        behead(&mut response);
    }
    let status = response.status().as_u16();
    tracing::debug!(request = id, %method, path, status, micros = started.elapsed().as_micros() as u64, "served");
    response
}

/// The same answer without its body, as HEAD wants it over every version of HTTP.
fn behead(response: &mut Response<AnswerBody>) {
    let length = response.body().size_hint().exact().unwrap_or_default();
    *response.body_mut() = Either::Left(Full::default());
    if length > 0 {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// What the client is not told, the log is.
fn note(id: &str, fault: &Fault) {
    match &fault.detail {
        Some(detail) if fault.kind == model::Kind::Internal => {
            tracing::error!(request = id, detail, "a request failed")
        }
        Some(detail) => tracing::info!(request = id, detail, "a request was refused"),
        None => {}
    }
}

fn request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness ids repeat, which confuses logs but harms nobody: not worth failing a request.
    let _ = SystemRandom::new().fill(&mut bytes);
    model::Id::from_random(bytes).to_string()
}
