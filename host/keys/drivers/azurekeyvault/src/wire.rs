//! The transport under the SDK: one peer, bounded answers, no redirects, and errors that quote nobody.
//!
//! The SDK follows links that a service sends, with the token. Here a request goes to the one host that the transport
//! was made for, or nowhere.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, Url};
use keys::Error;

/// Longest answer, in bytes. A page of versions has some 10 KiB.
const ANSWER_MAX: usize = 1 << 20;
/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for more of an answer. Calls have deadlines; this is for connections that died without a word.
const READ_MAX: Duration = Duration::from_secs(60);
/// Longest text about a connection, in characters.
const TEXT_MAX: usize = 300;

/// Whose certificates are good.
#[derive(Debug)]
pub(crate) enum Trust {
    System,
    Also(Vec<reqwest::Certificate>),
    Only(Vec<reqwest::Certificate>),
}

/// Who a transport talks to.
#[derive(Debug)]
pub(crate) struct Peer {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Peer {
    pub(crate) fn parse(url: &str, plain: bool) -> Result<Self, Error> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "https" || plain && url.scheme() == "http");
        let peer = url.as_ref().and_then(|url| Some((url, url.host_str()?)));
        let (url, host) = peer.ok_or_else(|| Error::Internal("the address of a peer is malformed".into()))?;
        Ok(Self { scheme: url.scheme().into(), host: host.into(), port: url.port() })
    }

    fn is(&self, url: &Url) -> bool {
        self.scheme == url.scheme() && Some(self.host.as_str()) == url.host_str() && self.port == url.port()
    }
}

/// Why a request got no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("its certificate is refused: {0}")]
    Certificate(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the answer has more than {ANSWER_MAX} bytes")]
    Long,
    #[error("a request to another host was stopped")]
    Elsewhere,
    #[error("it asks for a token of another service")]
    Audience,
}

impl From<Trouble> for azure_core::Error {
    fn from(trouble: Trouble) -> Self {
        let kind = match trouble {
            Trouble::Connect(_) | Trouble::Certificate(_) => ErrorKind::Connection,
            Trouble::Broken(_) => ErrorKind::Io,
            Trouble::Long | Trouble::Elsewhere | Trouble::Audience => ErrorKind::Other,
        };
        Self::new(kind, trouble)
    }
}

/// A transport to one peer.
#[derive(Debug)]
pub(crate) struct Wire {
    client: reqwest::Client,
    peer: Peer,
    /// Where the peer is, if that is not looked up.
    address: Option<SocketAddr>,
}

impl Wire {
    pub(crate) fn new(peer: Peer, trust: &Trust, addresses: &BTreeMap<String, SocketAddr>) -> Result<Self, Error> {
        let builder = reqwest::Client::builder().https_only(true);
        let builder = match trust {
            Trust::System => builder,
            Trust::Also(certificates) => builder.tls_certs_merge(certificates.iter().cloned()),
            Trust::Only(certificates) => builder.tls_certs_only(certificates.iter().cloned()),
        };
        Self::build(builder, peer, addresses)
    }

    /// To this machine or its host: no proxy between, and plain HTTP where the peer has no other.
    pub(crate) fn local(peer: Peer, addresses: &BTreeMap<String, SocketAddr>) -> Result<Self, Error> {
        Self::build(reqwest::Client::builder().no_proxy(), peer, addresses)
    }

    fn build(
        mut builder: reqwest::ClientBuilder,
        peer: Peer,
        addresses: &BTreeMap<String, SocketAddr>,
    ) -> Result<Self, Error> {
        let address = addresses.get(&peer.host).copied();
        if let Some(address) = address {
            builder = builder.resolve(&peer.host, address).no_proxy();
        }
        let builder = builder.connect_timeout(CONNECT_MAX).read_timeout(READ_MAX);
        let client = builder.redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| Error::unavailable(format!("no TLS client: {}", told(error))))?;
        Ok(Self { client, peer, address })
    }

    fn outgoing(&self, request: &Request) -> Result<reqwest::RequestBuilder, Trouble> {
        let mut url = request.url().clone();
        if !self.peer.is(&url) {
            return Err(Trouble::Elsewhere);
        }
        if let Some(address) = self.address {
            // Cannot fail: the URL has a host. One that is an address itself is not looked up, so it is replaced.
            let _ = url.set_port(Some(address.port()));
            if self.peer.host.parse::<std::net::IpAddr>().is_ok() {
                let _ = url.set_ip_host(address.ip());
            }
        }
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes());
        let mut outgoing = self.client.request(method.map_err(|_| Trouble::Elsewhere)?, url);
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        match request.body() {
            Body::Bytes(bytes) => Ok(outgoing.body(bytes.clone())),
            Body::SeekableStream(_) => Err(Trouble::Long),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<AsyncRawResponse, Trouble> {
        let mut answer = self.outgoing(request)?.send().await.map_err(trouble)?;
        let status = StatusCode::from(answer.status().as_u16());
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(trouble)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Trouble::Long);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        Ok(self.exchange(request).await?)
    }
}

fn trouble(error: reqwest::Error) -> Trouble {
    let connecting = error.is_connect();
    let text = told(error);
    match connecting {
        true if text.contains("certificate") => Trouble::Certificate(text),
        true => Trouble::Connect(text),
        false => Trouble::Broken(text),
    }
}

/// What an error and those behind it say, without the URL.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.dedup();
    texts.join(": ").chars().take(TEXT_MAX).collect()
}
