//! A client of the API.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ureq::http::{HeaderValue, Method, Request, Response, request};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, SendBody};

use crate::{Connection, Error};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest time that a server may say nothing while it sends, or take nothing while it is sent to.
const SILENCE_MAX: Duration = Duration::from_secs(150);
/// Longest wait for an answer to what was sent completely.
const ANSWER_MAX: Duration = Duration::from_secs(3600);
/// Most bytes that are read of an error.
const ERROR_MAX: u64 = 64 * 1024;

/// One server, asked with one token.
pub(crate) struct Client<'a> {
    connection: &'a Connection,
    token: SecretString,
    tls: TlsConfig,
}

impl<'a> Client<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Self, Error> {
        let scheme = ["http://", "https://"].iter().any(|scheme| connection.address.starts_with(scheme));
        if !scheme {
            let text = "must begin with http:// or https://, as in https://127.0.0.1:8200";
            return Err(Error::Usage(format!("-address (VAULT_ADDR) {text}, and is {:?}", connection.address)));
        }
        Ok(Self { connection, token: token()?, tls: tls(connection)? })
    }

    /// Asks for something long: its body is read by the caller, for as long as it comes.
    pub(crate) fn get(&self, path: &str) -> Result<Response<Body>, Error> {
        let agent = self.agent(|config| config.timeout_per_read(Some(SILENCE_MAX)));
        let request = self.request(Method::GET, path)?.body(()).map_err(|error| self.unusable(&error))?;
        self.answered(agent.run(request))
    }

    /// Sends something long, once the server has agreed to take it.
    pub(crate) fn post(&self, path: &str, size: u64, mut body: impl Read) -> Result<Response<Body>, Error> {
        let agent = self.agent(|config| {
            let sending = config.timeout_per_write(Some(SILENCE_MAX)).timeout_await_100(Some(CONNECT_MAX));
            sending.timeout_recv_response(Some(ANSWER_MAX))
        });
        let request = self.request(Method::POST, path)?;
        let request = request.header("Expect", "100-continue").header("Content-Length", size);
        let request = request.header("Content-Type", "application/octet-stream");
        let request = request.body(SendBody::from_reader(&mut body)).map_err(|error| self.unusable(&error))?;
        self.answered(agent.run(request))
    }

    fn agent(&self, with: impl FnOnce(Config) -> Config) -> Agent {
        let config = Agent::config_builder().tls_config(self.tls.clone()).http_status_as_error(false).max_redirects(0);
        with(config.timeout_connect(Some(CONNECT_MAX))).build().new_agent()
    }

    fn request(&self, method: Method, path: &str) -> Result<request::Builder, Error> {
        let mut token = HeaderValue::from_str(self.token.expose_secret())
            .map_err(|_| Error::Usage("the token must be one line of visible ASCII".into()))?;
        token.set_sensitive(true);
        let address = self.connection.address.trim_end_matches('/');
        let request = Request::builder().method(method).uri(format!("{address}/v1/{path}"));
        let request = request.header("X-Vault-Token", token).header("X-Vault-Request", "true");
        match self.connection.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => Ok(request.header("X-Vault-Namespace", namespace)),
            None => Ok(request),
        }
    }

    fn unusable(&self, error: &ureq::http::Error) -> Error {
        let address = &self.connection.address;
        Error::Usage(format!("-address (VAULT_ADDR) {address:?} or the namespace cannot be used: {error}"))
    }

    fn answered(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Error> {
        let unreachable = |reason: String| Error::Unreachable { address: self.connection.address.clone(), reason };
        let mut answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let body = answer.body_mut().with_config().limit(ERROR_MAX).read_to_vec().unwrap_or_default();
        Err(Error::Refused { status, text: said(&body) })
    }
}

type Config = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// The errors that an answer lists, on one line; what a stranger may have put there cannot move the terminal's cursor.
fn said(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = body["errors"].as_array().into_iter().flatten();
    let texts: Vec<String> = errors.filter_map(|error| error.as_str()).map(printable).collect();
    if texts.is_empty() { "it does not say why".to_owned() } else { texts.join("; ") }
}

fn printable(text: &str) -> String {
    let words: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn token() -> Result<SecretString, Error> {
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty()).map(SecretString::from);
    let variable = std::env::var("VAULT_TOKEN").ok().and_then(given);
    let file = || std::fs::read_to_string(std::env::home_dir()?.join(".vault-token")).ok().and_then(given);
    variable.or_else(file).ok_or(Error::NoToken)
}

fn tls(connection: &Connection) -> Result<TlsConfig, Error> {
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(crypto);
    let roots = match &connection.ca_cert {
        _ if connection.tls_skip_verify || connection.address.starts_with("http://") => Vec::new(),
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| Error::File { path: path.clone(), error })?;
            let found = ureq::tls::parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            let roots: Vec<Certificate<'static>> = found.collect();
            if roots.is_empty() {
                let path = path.display();
                return Err(Error::Usage(format!("-ca-cert (VAULT_CACERT) {path} holds no certificate in PEM")));
            }
            roots
        }
        None => {
            let system = rustls_native_certs::load_native_certs().certs;
            system.iter().map(|root| Certificate::from_der(root).to_owned()).collect()
        }
    };
    Ok(config.disable_verification(connection.tls_skip_verify).root_certs(RootCerts::from(roots)).build())
}
