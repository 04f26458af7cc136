//! Between HTTP and the corridor.

mod request;
mod response;
mod status;

use std::net::SocketAddr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use gateway::Gateway;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use model::Fault;

/// Answers one HTTP request. Whatever happens, an answer comes of it.
pub async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    peer: SocketAddr,
    tls: bool,
    max: usize,
) -> Response<Full<Bytes>> {
    let started = std::time::Instant::now();
    let id = request_id();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (operation, result) = match request::arrival(request, id.clone(), peer, max).await {
        Ok(arrival) => (arrival.operation, gateway.serve(arrival).await),
        Err(fault) => (model::Operation::Read, Err(fault)),
    };
    if let Err(fault) = &result {
        note(&id, fault);
    }
    let response = response::build(result, operation, &id, tls);
    let status = response.status().as_u16();
    tracing::debug!(request = id, %method, path, status, micros = started.elapsed().as_micros() as u64, "served");
    response
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
