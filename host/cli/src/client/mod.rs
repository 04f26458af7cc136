//! A client of the API.

mod answer;
mod proxy;
mod stream;
mod tls;
mod told;
mod unix;
mod url;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderName, HeaderValue, Method, Request, header, request};
use ureq::tls::TlsConfig;
use ureq::typestate::AgentScope;
use ureq::{Agent, Body};
use zeroize::Zeroizing;

pub(crate) use answer::Answer;
pub(crate) use proxy::Proxy;

use crate::connection::{Settings, Told};
use crate::error::{Error, Refusal};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// First and longest rest before a request is tried again.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(1500));
/// Longest rest that a server can ask for.
const REST_MAX: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const ANSWER_SIZE_MAX: u64 = 64 << 20;
/// Where what is wrapped is given out.
pub(crate) const UNWRAP: &str = "sys/wrapping/unwrap";
/// Where anything is wrapped, and for how long if nobody says: it answers nothing else.
const WRAP: (&str, &str) = ("sys/wrapping/wrap", "5m");
/// The type of the body of a PATCH.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// One server, asked with one token.
pub(crate) struct Client {
    settings: Settings,
    tls: TlsConfig,
    agent: Agent,
}

/// What is asked.
pub(crate) struct Ask {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Zeroizing<Vec<u8>>>,
    wrappable: bool,
    token: bool,
    beforehand: bool,
}

impl Ask {
    fn new(method: Method, path: &str) -> Self {
        let path = path.trim_start_matches('/').to_owned();
        Self { method, path, query: Vec::new(), body: None, wrappable: true, token: true, beforehand: false }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn list(path: &str) -> Self {
        let method = Method::from_bytes(b"LIST").unwrap_or(Method::GET);
        Self::new(method, path)
    }

    pub(crate) fn put(path: &str, body: &Value) -> Self {
        Self::new(Method::PUT, path).with(body)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new(Method::POST, path).with(body)
    }

    pub(crate) fn patch(path: &str, body: &Value) -> Self {
        Self::new(Method::PATCH, path).with(body)
    }

    /// A write without a body.
    pub(crate) fn put_nothing(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    fn with(mut self, body: &Value) -> Self {
        self.body = Some(Zeroizing::new(body.to_string().into_bytes()));
        self
    }

    pub(crate) fn query(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    /// The answer is for the command itself, so `-wrap-ttl` does not count.
    pub(crate) fn for_us(mut self) -> Self {
        self.wrappable = false;
        self
    }

    /// It only finds out what to ask, so it is made even where requests are told instead.
    pub(crate) fn beforehand(mut self) -> Self {
        self.beforehand = true;
        self.for_us()
    }

    /// Whether an answer may say that nothing is there, and more: a write that was answered so was not done.
    fn may_find_nothing(&self) -> bool {
        self.method == Method::GET || self.method.as_str() == "LIST" || self.path == UNWRAP
    }

    /// How long its answer is kept under a wrapping token, if it is.
    fn wrap_ttl<'a>(&self, settings: &'a Settings) -> Option<&'a str> {
        let said = settings.wrap_ttl.as_deref().filter(|_| self.wrappable);
        said.or((self.path == WRAP.0).then_some(WRAP.1))
    }

    /// Whoever logs in has no token yet.
    pub(crate) fn without_token(mut self) -> Self {
        self.token = false;
        self
    }
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let tls = tls::config(&settings)?;
        let config = config(&tls, &settings).allow_non_standard_methods(true).timeout_global(Some(settings.timeout));
        let agent = url::agent(config.build(), &settings)?;
        Ok(Self { settings, tls, agent })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks with this token from now on.
    pub(crate) fn use_token(&mut self, token: SecretString) {
        self.settings.token = Some(token);
    }

    /// Asks, and asks again where the server is busy and that is wanted. To whoever reads, an answer of 404 that says
    /// something is an answer.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<Answer, Error> {
        if !ask.beforehand {
            self.tell(ask)?;
        }
        let rests = ExponentialBuilder::default()
            .with_min_delay(REST.0)
            .with_max_delay(REST.1)
            .with_factor(1.5)
            .with_max_times(self.settings.retries);
        let wanted = Rc::new(Cell::new(None));
        let heard = Rc::clone(&wanted);
        let asked = || self.once(ask);
        let worth_it = |error: &Error| match error {
            Error::Refused(refusal) => {
                heard.set(refusal.retry_after);
                passing(refusal.status)
            }
            _ => false,
        };
        let rest = move |rest: Duration| {
            std::thread::sleep(wanted.get().map_or(rest, |wanted: Duration| wanted.clamp(rest, REST_MAX)));
        };
        asked.retry(rests).when(worth_it).sleep(rest).call()
    }

    /// The same; nothing when there is nothing.
    pub(crate) fn find(&self, ask: &Ask) -> Result<Option<Answer>, Error> {
        match self.ask(ask) {
            Err(Error::Refused(refusal)) if refusal.is_absence() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Ends with words about the request, where those are wanted instead of it.
    fn tell(&self, ask: &Ask) -> Result<(), Error> {
        let text = match self.settings.told {
            None => return Ok(()),
            Some(Told::Policy) => told::policy(&ask.method, &ask.path),
            Some(Told::Curl) => {
                let address = url::asked(&self.settings, &ask.path, &ask.query);
                let request = self.headed(ask, &address)?.body(()).map_err(|error| self.unusable(&error))?;
                let body = ask.body.as_deref().map(Vec::as_slice).unwrap_or_default();
                told::curl(&self.settings, &ask.method, request.headers(), body, &address)
            }
        };
        Err(Error::Instead(text))
    }

    fn once(&self, ask: &Ask) -> Result<Answer, Error> {
        let address = url::asked(&self.settings, &ask.path, &ask.query);
        let mut received = self.send(ask, &address)?;
        // A standby sends to the node that serves. Once is enough, and never from https to http.
        let moved = self.settings.follow && matches!(received.status().as_u16(), 301 | 302 | 307 | 308);
        let location = received.headers().get(header::LOCATION).filter(|_| moved);
        if let Some(location) = location.and_then(|location| location.to_str().ok()) {
            let location = match self.settings.socket {
                Some(_) => url::redirected_at_file(&address, location)?,
                None => url::redirected(&address, location)?,
            };
            received = self.send(ask, &location)?;
        }
        let status = received.status().as_u16();
        let retry_after = seconds(received.headers().get(header::RETRY_AFTER));
        let body = received.body_mut().with_config().limit(ANSWER_SIZE_MAX).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        let answer = Answer::new(body);
        if (200..300).contains(&status) || (status == 404 && ask.may_find_nothing() && answer.says_something()) {
            return Ok(answer);
        }
        Err(self.refused(&ask.method, &address, status, &answer, retry_after))
    }

    fn refused(
        &self,
        method: &Method,
        address: &str,
        status: u16,
        answer: &Answer,
        retry_after: Option<Duration>,
    ) -> Error {
        Error::Refused(Box::new(Refusal {
            method: method.to_string(),
            url: url::shown(address),
            namespace: self.settings.namespace.clone(),
            status,
            errors: answer.errors(),
            retry_after,
            without_token: self.settings.token.is_none(),
        }))
    }

    fn send(&self, ask: &Ask, address: &str) -> Result<ureq::http::Response<Body>, Error> {
        let request = self.headed(ask, address)?;
        let answer = match &ask.body {
            None => self.agent.run(request.body(()).map_err(|error| self.unusable(&error))?),
            Some(body) => self.agent.run(request.body(body.as_slice()).map_err(|error| self.unusable(&error))?),
        };
        answer.map_err(|error| self.unreachable(&error))
    }

    /// The request without its body.
    fn headed(&self, ask: &Ask, address: &str) -> Result<request::Builder, Error> {
        let mut request = self.request(ask.method.clone(), address, ask.token)?;
        if let Some(ttl) = ask.wrap_ttl(&self.settings) {
            request = request.header("X-Vault-Wrap-TTL", ttl);
        }
        if ask.body.is_some() {
            let kind = if ask.method == Method::PATCH { MERGE_PATCH } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, kind);
        }
        Ok(request)
    }

    fn request(&self, method: Method, address: &str, with_token: bool) -> Result<request::Builder, Error> {
        let mut request = Request::builder().method(method).uri(address).header("X-Vault-Request", "true");
        if let Some(token) = self.settings.token.as_ref().filter(|_| with_token) {
            request = request.header("X-Vault-Token", secret(token, "the token")?);
        }
        if let Some(namespace) = &self.settings.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(host) = url::host_header(&self.settings) {
            request = request.header(header::HOST, host);
        }
        for (name, value) in &self.settings.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| Error::Usage("-header: a name may have letters, digits and dashes".into()))?;
            request = request.header(name, secret(value, "the value of a -header")?);
        }
        Ok(request)
    }

    fn unusable(&self, error: &ureq::http::Error) -> Error {
        let address = url::server(&self.settings);
        Error::Usage(format!("-address (VAULT_ADDR) {address:?} or the namespace cannot be used: {error}"))
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        let address = url::server(&self.settings);
        let proxy = self.settings.proxy.as_ref().map(ToString::to_string);
        Error::Unreachable { address, proxy, reason: error.to_string() }
    }
}

/// What all connections have in common.
fn config(tls: &TlsConfig, settings: &Settings) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder().tls_config(tls.clone()).http_status_as_error(false).max_redirects(0);
    // Which proxies count is settled: the library would take any that the environment names.
    config.timeout_connect(Some(CONNECT_MAX)).proxy(settings.proxy.as_ref().map(|proxy| proxy.proxy.clone()))
}

/// Whether trying again may help.
fn passing(status: u16) -> bool {
    matches!(status, 412 | 429) || (status >= 500 && status != 501)
}

fn seconds(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn secret(text: &SecretString, what: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text.expose_secret())
        .map_err(|_| Error::Usage(format!("{what} must be one line of visible ASCII")))?;
    value.set_sensitive(true);
    Ok(value)
}
