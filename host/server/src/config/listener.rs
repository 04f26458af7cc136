//! `listener`: where to listen, how to speak there, and what strangers may cost.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};
use crate::tls;

/// Largest bound that may be set for a request body, in bytes.
const REQUEST_SIZE_MAX: usize = 1 << 30;
/// Largest bound that may be set for connections of one listener, and for requests at once.
const CONNECTIONS_MAX: usize = 1 << 20;
/// Most networks in one list.
const NETWORKS_MAX: usize = 256;
/// Most proxies that may be skipped.
const HOPS_MAX: usize = 32;

/// Where to listen.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Host and port, or the file of a Unix socket.
    pub address: String,
    /// Where the address is a file: its mode.
    pub unix: Option<u32>,
    /// How to speak TLS; `None` for plain HTTP.
    pub tls: Option<tls::Settings>,
    /// Largest request body, in bytes.
    pub max_request_size: usize,
    /// Longest time that one request may take once its body is there.
    pub max_request_duration: Duration,
    /// Longest time until a request's headers are complete; also how long a connection of HTTP/1 may rest between two
    /// requests.
    pub read_header_timeout: Duration,
    /// Longest time until a request's body is complete.
    pub read_timeout: Duration,
    /// Longest time that a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// How long a connection of HTTP/2 may rest between two requests.
    pub idle_timeout: Duration,
    /// Most connections at once; further ones wait until one ends.
    pub max_connections: usize,
    /// Most requests at once; further ones are told to come back.
    pub max_requests: usize,
    /// Refuses requests without `X-Vault-Request: true`, which a browser cannot be made to send from afar.
    pub require_request_header: bool,
    /// Whose word is taken for where a request came from; `None` for nobody's.
    pub forwarded: Option<Forwarded>,
    /// Answers `sys/metrics` without a token.
    pub open_metrics: bool,
}

/// How `X-Forwarded-For` is read.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// The proxies that are believed.
    pub authorized: Vec<IpNet>,
    /// How many entries at the end of the list are proxies themselves.
    pub hop_skips: usize,
    /// Refuses a request from elsewhere that has the header, instead of ignoring the header.
    pub reject_not_authorized: bool,
    /// Refuses requests without the header.
    pub reject_not_present: bool,
}

impl Listener {
    /// Plain HTTP at this address.
    pub fn plain(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            unix: None,
            tls: None,
            max_request_size: 32 << 20,
            max_request_duration: Duration::from_secs(90),
            read_header_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
            max_connections: 16_384,
            max_requests: 8192,
            require_request_header: false,
            forwarded: None,
            open_metrics: false,
        }
    }
}

/// What was said about TLS and proxies, before it is known whether it fits together.
#[derive(Default)]
struct Said {
    tls_disabled: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    tls: tls::Rules,
    no_client_certificates: bool,
    authorized: Option<Vec<IpNet>>,
    hop_skips: Option<usize>,
    reject_not_authorized: Option<bool>,
    reject_not_present: Option<bool>,
}

impl Reader<'_> {
    /// Reads a stanza with this label: `tcp` or `unix`.
    pub(super) fn listener(&mut self, label: &str, body: &Map<String, Value>) -> Result<(), Error> {
        let mut listener = Listener::plain("127.0.0.1:8200");
        if label == "unix" {
            listener.address.clear();
            listener.unix = Some(0o600);
        }
        let mut said = Said::default();
        for (name, value) in body {
            let known = self.listener_bound(&mut listener, name, value)?
                || self.listener_tls(&mut said, name, value)?
                || self.listener_forwarded(&mut said, name, value)?;
            if !known {
                self.unknown(&format!("listener.{name}"));
            }
        }
        if listener.unix.is_some() && !listener.address.starts_with('/') {
            return Err(self.wrong("listener.address", "must be the absolute path of a socket"));
        }
        listener.tls = self.tls(&listener, &mut said)?;
        listener.forwarded = self.forwarded(said)?;
        self.config.listeners.push(listener);
        Ok(())
    }

    /// Where to listen, and what strangers may cost. Says whether it knows the key.
    fn listener_bound(&mut self, listener: &mut Listener, name: &str, value: &Value) -> Result<bool, Error> {
        let key = format!("listener.{name}");
        match name {
            "address" => listener.address = self.text(&key, value)?,
            "socket_mode" if listener.unix.is_some() => listener.unix = Some(self.mode(&key, value)?),
            "max_request_size" => listener.max_request_size = self.number(&key, value, REQUEST_SIZE_MAX)?,
            "max_connections" => listener.max_connections = self.number(&key, value, CONNECTIONS_MAX)?,
            "max_in_flight_requests" => listener.max_requests = self.number(&key, value, CONNECTIONS_MAX)?,
            "max_request_duration" => listener.max_request_duration = self.timeout(&key, value)?,
            "http_read_header_timeout" => listener.read_header_timeout = self.timeout(&key, value)?,
            "http_read_timeout" => listener.read_timeout = self.timeout(&key, value)?,
            "http_write_timeout" => listener.write_timeout = self.timeout(&key, value)?,
            "http_idle_timeout" => listener.idle_timeout = self.timeout(&key, value)?,
            "require_request_header" => listener.require_request_header = self.switch(&key, value)?,
            "telemetry" => listener.open_metrics = self.listener_telemetry(value)?,
            "cluster_address" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn listener_tls(&mut self, said: &mut Said, name: &str, value: &Value) -> Result<bool, Error> {
        let key = format!("listener.{name}");
        match name {
            "tls_disable" => said.tls_disabled = self.switch(&key, value)?,
            "tls_cert_file" => said.certificate = Some(PathBuf::from(self.text(&key, value)?)),
            "tls_key_file" => said.key = Some(PathBuf::from(self.text(&key, value)?)),
            "tls_min_version" => said.tls.only_1_3 = self.one_of(&key, value, &["tls12", "tls13"])? == "tls13",
            "tls_cipher_suites" => {
                let names = self.words(&key, value)?;
                said.tls.ciphers = Some(tls::ciphers(&names).map_err(|wanted| self.wrong(&key, wanted))?);
            }
            "tls_disable_client_certs" => said.no_client_certificates = self.switch(&key, value)?,
            "tls_require_and_verify_client_cert" => said.tls.require_client = self.switch(&key, value)?,
            "tls_client_ca_file" => said.tls.client_ca = Some(PathBuf::from(self.text(&key, value)?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn listener_forwarded(&mut self, said: &mut Said, name: &str, value: &Value) -> Result<bool, Error> {
        let key = format!("listener.{name}");
        match name {
            "x_forwarded_for_authorized_addrs" => said.authorized = Some(self.networks(&key, value)?),
            "x_forwarded_for_hop_skips" => {
                let text = self.text(&key, value)?;
                let hops = text.parse().ok().filter(|hops| *hops <= HOPS_MAX);
                said.hop_skips = Some(hops.ok_or_else(|| self.wrong(&key, "must be a number from 0 to 32"))?);
            }
            "x_forwarded_for_reject_not_authorized" => said.reject_not_authorized = Some(self.switch(&key, value)?),
            "x_forwarded_for_reject_not_present" => said.reject_not_present = Some(self.switch(&key, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn tls(&self, listener: &Listener, said: &mut Said) -> Result<Option<tls::Settings>, Error> {
        let mut rules = std::mem::take(&mut said.tls);
        rules.ask_client = !said.no_client_certificates;
        if rules.require_client && said.no_client_certificates {
            let wanted = "cannot be together with tls_disable_client_certs";
            return Err(self.wrong("listener.tls_require_and_verify_client_cert", wanted));
        }
        if rules.require_client && rules.client_ca.is_none() {
            return Err(self.wrong("listener.tls_client_ca_file", "is needed to verify client certificates"));
        }
        match (said.tls_disabled, said.certificate.take(), said.key.take()) {
            (true, ..) => Ok(None),
            (false, Some(certificate), Some(key)) => Ok(Some(tls::Settings { certificate, key, rules })),
            // Who can reach the file of a socket is a matter of its mode.
            (false, None, None) if listener.unix.is_some() => Ok(None),
            _ => Err(self.wrong("listener", "needs tls_cert_file and tls_key_file, or tls_disable = true")),
        }
    }

    fn forwarded(&self, said: Said) -> Result<Option<Forwarded>, Error> {
        let Some(authorized) = said.authorized else {
            let others = said.hop_skips.is_some() || said.reject_not_authorized.is_some();
            return if others || said.reject_not_present.is_some() {
                let wanted = "is needed where another x_forwarded_for_ key is set";
                Err(self.wrong("listener.x_forwarded_for_authorized_addrs", wanted))
            } else {
                Ok(None)
            };
        };
        Ok(Some(Forwarded {
            authorized,
            hop_skips: said.hop_skips.unwrap_or(0),
            reject_not_authorized: said.reject_not_authorized.unwrap_or(true),
            reject_not_present: said.reject_not_present.unwrap_or(true),
        }))
    }

    fn listener_telemetry(&mut self, value: &Value) -> Result<bool, Error> {
        let mut open = false;
        for block in flat(value) {
            let Value::Object(fields) = block else { return Err(self.wrong("listener.telemetry", "must be a block")) };
            for (name, value) in fields {
                match name.as_str() {
                    "unauthenticated_metrics_access" => {
                        open = self.switch("listener.telemetry.unauthenticated_metrics_access", value)?;
                    }
                    unknown => self.unknown(&format!("listener.telemetry.{unknown}")),
                }
            }
        }
        Ok(open)
    }

    fn switch(&self, key: &str, value: &Value) -> Result<bool, Error> {
        let told = self.one_of(key, value, &["true", "1", "false", "0"])?;
        Ok(told == "true" || told == "1")
    }

    /// A list of texts, or one text with commas.
    fn words(&self, key: &str, value: &Value) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for entry in flat(value) {
            let text = self.text(key, entry)?;
            found.extend(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        }
        Ok(found)
    }

    /// Networks, or single addresses.
    fn networks(&self, key: &str, value: &Value) -> Result<Vec<IpNet>, Error> {
        let texts = self.words(key, value)?;
        if texts.is_empty() || texts.len() > NETWORKS_MAX {
            return Err(self.wrong(key, "must be 1 to 256 addresses or networks such as \"10.0.0.0/8\""));
        }
        let parsed = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let all: Result<Vec<IpNet>, _> = texts.iter().map(parsed).collect();
        all.map_err(|_| self.wrong(key, "must be addresses or networks such as \"10.0.0.0/8\""))
    }

    /// Rights of a file, in octal digits as text.
    fn mode(&self, key: &str, value: &Value) -> Result<u32, Error> {
        let text = self.text(key, value)?;
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777);
        mode.ok_or_else(|| self.wrong(key, "must be rights in octal digits such as \"660\""))
    }
}
