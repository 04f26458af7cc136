//! Asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::address::is_public;
use crate::allowed::{Allowed, By};
use crate::failure::{Failure, Inside, Reason};
use crate::terms::Terms;

/// Longest URL, in bytes.
pub const URL_MAX: usize = 2048;
/// Most headers of a question.
pub const HEADERS_MAX: usize = 32;
/// Most headers of an answer that are told.
const ANSWER_HEADERS_MAX: usize = 64;
/// Longest body of a question or an answer, in bytes.
pub const ANSWER_MAX: usize = 1 << 20;
/// Longest time of a question, from the first packet to the last.
pub const TIME_MAX: Duration = Duration::from_secs(10);
/// Longest list of certificate authorities, in bytes.
pub const CA_PEM_MAX: usize = 64 << 10;
/// Most certificates in such a list.
pub const CA_CERTIFICATES_MAX: usize = 16;
/// Most questions at once.
const AT_ONCE_MAX: usize = 64;
/// How many clients are kept, one for each list of certificate authorities: their connections are used again.
const CLIENTS_MAX: usize = 64;
/// How long an unused connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Headers that belong to the connection and are not a guest's to set.
const RESERVED: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-authorization",
];

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Get, Self::Post];

    /// Its name, in capital letters (RFC 9110, 9.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    /// Reads a name, in whatever letters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// A question.
pub struct Question {
    /// GET or POST.
    pub method: Method,
    /// Absolute.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What the host itself tells, in the place of any header of the same name above: the trace of a request.
    pub told: Vec<(&'static str, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// The only certificate authorities that are trusted, PEM; none: this machine's.
    pub ca_pem: Option<String>,
    /// At most [`TIME_MAX`].
    pub timeout: Duration,
}

/// An answer, whatever its status.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Asks the hosts that are allowed. One per process.
pub struct Outgoing {
    allowed: Arc<Allowed>,
    places: Semaphore,
    /// By the authorities that are trusted; none: this machine's.
    clients: Cache<Option<String>, Client>,
}

impl Outgoing {
    /// Asks these hosts and no others.
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed: Arc::new(allowed), places: Semaphore::new(AT_ONCE_MAX), clients: Cache::new(CLIENTS_MAX) }
    }

    /// Asks, and waits for the whole answer, until the deadline at most. `terms`: what whoever asks was granted.
    pub async fn send(&self, question: Question, terms: &Terms, deadline: Instant) -> Result<Answer, Failure> {
        let url = self.permitted(&question.url, terms.hosts.as_ref())?;
        terms.permit(question.method)?;
        let size_max = terms.size();
        let host = url.host_str().unwrap_or_default().to_owned();
        let headers = told(headers(&question.headers)?, question.told);
        if question.body.len() > size_max {
            return Err(Failure::invalid(format!("body: at most {}", words(size_max))));
        }
        let busy = |_| Failure::new(Reason::TooMany, "too many questions to other servers at once");
        let _place = self.places.try_acquire().map_err(busy)?;
        let client = self.client(terms.authorities(question.ca_pem)?)?;
        let method = match question.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = client.request(method, url).headers(headers);
        if !question.body.is_empty() {
            request = request.body(question.body);
        }
        let until = deadline.min(Instant::now() + terms.time(question.timeout));
        let asked = tokio::time::timeout_at(until, exchange(request, &host, size_max)).await;
        asked.unwrap_or_else(|_| Err(Failure::new(Reason::Timeout, format!("{host}: no complete answer in time"))))
    }

    /// Reads a URL and refuses what leads anywhere but to an allowed host.
    fn permitted(&self, text: &str, hosts: Option<&Allowed>) -> Result<Url, Failure> {
        if text.len() > URL_MAX {
            return Err(Failure::invalid("url: at most 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|_| Failure::invalid("url: must be an absolute https URL"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Failure::invalid("url: must have no user, password or fragment"));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address: Option<IpAddr> = host.parse().ok();
        let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(Failure::invalid("url: must begin with https:// (http:// only to this machine)"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let why = || format!("{host}:{port} is not in http_out.allow of the server's configuration");
        if hosts.is_some_and(|hosts| hosts.find(host, port).is_none()) {
            let why = format!("{host}:{port} is not among the hosts that this mount was granted (powers.http_out)");
            return Err(Failure::new(Reason::NotAllowed, why));
        }
        let by = self.allowed.find(host, port).ok_or_else(|| Failure::new(Reason::NotAllowed, why()))?;
        let inside = address.is_some_and(|address| !is_public(address));
        if inside && by == By::Wildcard {
            return Err(Failure::new(Reason::NotAllowed, why()));
        }
        Ok(url)
    }

    fn client(&self, ca_pem: Option<String>) -> Result<Client, Failure> {
        if let Some(client) = self.clients.get(&ca_pem) {
            return Ok(client);
        }
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(TIME_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .dns_resolver(Arc::new(Names(Arc::clone(&self.allowed))));
        let builder = match &ca_pem {
            None => builder,
            Some(pem) => builder.tls_certs_only(authorities(pem)?),
        };
        let broken =
            |error: reqwest::Error| Failure::new(Reason::Internal, format!("no TLS client: {}", error.without_url()));
        let client = builder.build().map_err(broken)?;
        self.clients.insert(ca_pem, client.clone());
        Ok(client)
    }
}

/// A size as people read it.
fn words(size: usize) -> String {
    match (size >> 20, size % (1 << 20)) {
        (mebibytes @ 1.., 0) => format!("{mebibytes} MiB"),
        _ => format!("{size} bytes"),
    }
}

async fn exchange(request: reqwest::RequestBuilder, host: &str, size_max: usize) -> Result<Answer, Failure> {
    let mut answer = request.send().await.map_err(|error| Failure::of(error, host))?;
    let status = answer.status().as_u16();
    let readable =
        |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    let headers = answer.headers().iter().filter_map(readable).take(ANSWER_HEADERS_MAX).collect();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Failure::of(error, host))? {
        if body.len() + chunk.len() > size_max {
            return Err(Failure::new(
                Reason::TooLarge,
                format!("{host}: the answer has more than {}", words(size_max)),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, Failure> {
    if pairs.len() > HEADERS_MAX {
        return Err(Failure::invalid("headers: at most 32"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().map_err(|_| Failure::invalid("headers: a name is malformed"))?;
        if RESERVED.contains(&name.as_str()) {
            return Err(Failure::invalid(format!("headers: {name} belongs to the connection")));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Failure::invalid(format!("headers: the value of {name} is malformed")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// What the host cannot tell is left out: nothing fails for it.
fn told(mut headers: HeaderMap, told: Vec<(&'static str, String)>) -> HeaderMap {
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Whether this is a list of certificate authorities as a question may name them.
pub fn check_authorities(pem: &str) -> Result<(), Failure> {
    authorities(pem).map(drop)
}

fn authorities(pem: &str) -> Result<Vec<reqwest::Certificate>, Failure> {
    if pem.len() > CA_PEM_MAX {
        return Err(Failure::invalid("ca_pem: at most 64 KiB"));
    }
    let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
    if found.is_empty() || found.len() > CA_CERTIFICATES_MAX {
        return Err(Failure::invalid("ca_pem: must hold 1 to 16 certificates in PEM"));
    }
    Ok(found)
}

/// Looks names up, and keeps those that the operator did not name from leading inside.
struct Names(Arc<Allowed>);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let (named, local) = (allowed.names(host), host == "localhost");
            let fits = |address: &SocketAddr| {
                if local { address.ip().is_loopback() } else { named || is_public(address.ip()) }
            };
            let fitting: Vec<SocketAddr> = found.into_iter().filter(fits).collect();
            if fitting.is_empty() {
                return Err(Inside.into());
            }
            Ok(Box::new(fitting.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
