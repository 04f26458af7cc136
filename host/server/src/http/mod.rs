//! Between HTTP and the corridor.

mod body;
mod cors;
mod download;
mod forwarded;
mod inside;
mod request;
mod response;
mod status;
mod upload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use gateway::{Arrival, Gateway, Told};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::{Method, Request, Response};
use model::{Fault, Kind, Operation, Reply, Stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use traces::Trace;

use self::body::{Bounds, Held};
use self::upload::Upload;
use crate::config::{Forwarded, Listener};

pub use inside::ask;
pub use request::Head;
pub use response::AnswerBody;

/// When to come back after too many requests were under way.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// Where the meter is read.
const METRICS: &str = "/v1/sys/metrics";
/// What watches a server must be answered however busy it is.
const HEALTH: &str = "/v1/sys/health";

/// What one listener demands of requests, and what they may cost.
pub struct Terms {
    bodies: Bounds,
    duration: Duration,
    under_way: Arc<Semaphore>,
    require_request_header: bool,
    forwarded: Option<Forwarded>,
    open_metrics: bool,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where it came from.
    pub peer: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// DER of the certificate whose key it holds.
    pub certificate: Option<Vec<u8>>,
}

impl Terms {
    /// What the configuration says of this listener.
    pub fn new(settings: &Listener) -> Self {
        Self {
            bodies: Bounds::new(settings.max_request_size, settings.read_timeout),
            duration: settings.max_request_duration,
            under_way: Arc::new(Semaphore::new(settings.max_requests)),
            require_request_header: settings.require_request_header,
            forwarded: settings.forwarded.clone(),
            open_metrics: settings.open_metrics,
        }
    }

    fn turn(&self, path: &str) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        if path == HEALTH {
            return Ok(None);
        }
        let busy = |_| Fault::new(Kind::Unavailable, "too many requests at once").retry_after(BUSY_WAIT);
        Arc::clone(&self.under_way).try_acquire_owned().map(Some).map_err(busy)
    }

    /// What comes of something, if it does in time.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let late = || {
            Fault::new(Kind::Unavailable, format!("the request took longer than {:?}", self.duration))
                .retry_after(BUSY_WAIT)
        };
        tokio::time::timeout(self.duration, work).await.unwrap_or_else(|_elapsed| Err(late()))
    }
}

/// Answers one HTTP request. Whatever happens, an answer comes of it.
pub async fn answer(
    gateway: &Arc<Gateway>,
    request: Request<Incoming>,
    client: &Client,
    terms: &Terms,
) -> Response<AnswerBody> {
    let started = std::time::Instant::now();
    let id = request_id();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let turn = terms.turn(&path);
    // What pages may do is asked of the store: that is a request like others.
    let page = match &turn {
        Ok(_) => terms.in_time(cors::page(gateway, &request)).await,
        Err(_) => Ok(None),
    };
    if let Some(preflight) = page.as_ref().ok().and_then(|page| page.as_ref()?.preflight()) {
        return preflight;
    }
    let (page, refused) = match page {
        Ok(page) => (page, None),
        Err(fault) => (None, Some(fault)),
    };
    let trace = begin(gateway, &request);
    trace.text("innkeeper.request.id", &id);
    let Served { operation, told, result } = match refused {
        Some(fault) => Served::here(Err(fault)),
        None => served(gateway, request, (&id, &trace), client, (terms, turn)).await,
    };
    if let Err(fault) = &result {
        note(&id, trace.id(), fault);
    }
    let mut response = response::build(result, operation, &id, client.tls);
    response::append(&mut response, told.headers());
    if let Some(page) = page {
        page.allow(&mut response);
    }
    if method == Method::HEAD {
        behead(&mut response);
    }
    let status = response.status().as_u16();
    gateway.meter().answered(operation, told.mount_type(), status, started.elapsed());
    trace.answered(status);
    let (mount_type, micros) = (told.mount_type(), started.elapsed().as_micros() as u64);
    tracing::debug!(request = id, trace = trace.id(), %method, path, mount_type, status, micros, "served");
    response
}

/// The trace of a request. What watches the server has none: nobody would find another one between them.
fn begin(gateway: &Gateway, request: &Request<Incoming>) -> Trace {
    match request.uri().path() {
        HEALTH | METRICS => Trace::default(),
        _ => gateway.traces().begin(request.headers()),
    }
}

/// What a request wanted, as far as that is known, what the corridor tells of it, and what came of it.
struct Served {
    operation: Operation,
    told: Told,
    result: Result<Reply, Fault>,
}

impl Served {
    /// What the door itself answers.
    fn here(result: Result<Reply, Fault>) -> Self {
        Self { operation: Operation::Read, told: Told::default(), result }
    }
}

async fn served(
    gateway: &Arc<Gateway>,
    request: Request<Incoming>,
    (id, trace): (&str, &Trace),
    client: &Client,
    (terms, turn): (&Terms, Result<Option<OwnedSemaphorePermit>, Fault>),
) -> Served {
    if terms.require_request_header && !has_request_header(&request) {
        return Served::here(Ok(response::missing_request_header()));
    }
    if terms.open_metrics && request.uri().path() == METRICS && request.method() == Method::GET {
        return Served::here(Ok(system::metrics_text(gateway.meter())));
    }
    let _turn = match turn {
        Ok(turn) => turn,
        Err(fault) => return Served::here(Err(fault)),
    };
    let (mut arrival, _room) = match arrival(request, id, client, terms).await {
        Ok(arrived) => arrived,
        Err(fault) => return Served::here(Err(fault)),
    };
    arrival.trace = trace.clone();
    let (operation, told) = (arrival.operation, arrival.told.clone());
    let _under_way = gateway.meter().begin(under_way(&arrival));
    // How long an upload may take is a matter of its size.
    let result = match arrival.upload {
        Some(_) => gateway.serve(arrival).await,
        None => terms.in_time(gateway.serve(arrival)).await,
    };
    Served { operation, told, result }
}

fn under_way(arrival: &Arrival) -> meter::Request {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (id, path) = (arrival.id.clone(), arrival.path.clone());
    meter::Request { id, path, operation: arrival.operation.name(), peer: arrival.peer, since }
}

/// Reads a request, and its body where that is taken whole; and what the body takes of the room for all of them.
async fn arrival(
    request: Request<Incoming>,
    id: &str,
    client: &Client,
    terms: &Terms,
) -> Result<(Arrival, Option<OwnedSemaphorePermit>), Fault> {
    let (parts, body) = request.into_parts();
    let peer = forwarded::peer(&parts.headers, client.peer, terms.forwarded.as_ref())?;
    let head = Head::read(&parts)?;
    let (held, upload) = if head.takes_upload() {
        (Held::default(), Some(Stream::new(Upload::new(body))))
    } else {
        (terms.bodies.read(body).await?, None)
    };
    let client = Client { peer, ..client.clone() };
    Ok((head.arrival(id.to_owned(), client, held.bytes, upload)?, held.room))
}

fn has_request_header(request: &Request<Incoming>) -> bool {
    let mut sent = request.headers().get_all("x-vault-request").iter();
    sent.next().is_some_and(|value| value == "true") && sent.next().is_none()
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
fn note(id: &str, trace: Option<&str>, fault: &Fault) {
    match &fault.detail {
        Some(detail) if fault.kind == Kind::Internal => {
            tracing::error!(request = id, trace, detail, "a request failed")
        }
        Some(detail) => tracing::info!(request = id, trace, detail, "a request was refused"),
        None => {}
    }
}

fn request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness ids repeat, which confuses logs but harms nobody: not worth failing a request.
    let _ = SystemRandom::new().fill(&mut bytes);
    model::Id::from_random(bytes).to_string()
}
