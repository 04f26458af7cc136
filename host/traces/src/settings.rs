//! Where traces go, and how many.

use http::{HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};

/// Longest address of a receiver, in bytes.
pub const ENDPOINT_MAX: usize = 2048;
/// Most headers for a receiver.
pub const HEADERS_MAX: usize = 16;
/// Largest list of certificate authorities, in bytes.
const CA_PEM_MAX: usize = 256 << 10;
/// Where OTLP has traces, below the address of a receiver.
const BELOW: &str = "/v1/traces";
/// Headers that belong to the connection or to OTLP.
const RESERVED: [&str; 6] =
    ["host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding"];

/// Where traces go, and how many: checked, see [`Settings::check`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The receiver, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// Which part of the traces that begin here is recorded, from 0 to 1. Where whoever asks has a trace, they decide.
    pub sample_ratio: f64,
    /// For the receiver, with every batch; values may be secret.
    pub headers: Vec<(String, SecretString)>,
    /// The only certificate authorities that are trusted, PEM; none: this machine's.
    pub ca_pem: Option<String>,
    /// The name of the cluster, which every span carries.
    pub cluster: String,
    /// The version of the server.
    pub version: String,
}

/// Settings that cannot be used: which, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {wanted}")]
pub struct Unusable {
    /// Which.
    pub setting: &'static str,
    /// What would be right. It repeats no value of a header.
    pub wanted: String,
}

impl Unusable {
    pub(crate) fn new(setting: &'static str, wanted: impl Into<String>) -> Self {
        Self { setting, wanted: wanted.into() }
    }
}

impl Settings {
    /// Refuses what cannot be used, before anything is sent.
    pub fn check(&self) -> Result<(), Unusable> {
        self.address()?;
        self.header_map()?;
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(Unusable::new("sample_ratio", "must be a number from 0 to 1"));
        }
        if self.ca_pem.as_ref().is_some_and(|pem| pem.len() > CA_PEM_MAX) {
            return Err(Unusable::new("tls_ca_file", "at most 256 KiB"));
        }
        Ok(())
    }

    /// Where traces are sent to.
    pub(crate) fn address(&self) -> Result<String, Unusable> {
        let wrong = |wanted: &str| Unusable::new("endpoint", wanted);
        if self.endpoint.len() > ENDPOINT_MAX {
            return Err(wrong("at most 2048 bytes"));
        }
        let wanted = "must be an http:// or https:// URL without user, query or fragment, as \"http://127.0.0.1:4318\"";
        let uri: Uri = self.endpoint.parse().map_err(|_| wrong(wanted))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong(wanted))?;
        let plain = uri.scheme_str() == Some("http");
        let clean = uri.query().is_none() && !self.endpoint.contains(['@', '#', ' ']);
        if !(plain || uri.scheme_str() == Some("https")) || !clean {
            return Err(wrong(wanted));
        }
        if plain && !self.headers.is_empty() && !is_here(host) {
            return Err(wrong("must begin with https:// where headers are sent: they may be secret"));
        }
        let address = self.endpoint.trim_end_matches('/');
        Ok(if address.ends_with(BELOW) { address.to_owned() } else { format!("{address}{BELOW}") })
    }

    pub(crate) fn header_map(&self) -> Result<http::HeaderMap, Unusable> {
        let wrong = |wanted: String| Unusable::new("headers", wanted);
        if self.headers.len() > HEADERS_MAX {
            return Err(wrong(format!("at most {HEADERS_MAX}")));
        }
        let mut map = http::HeaderMap::new();
        for (name, value) in &self.headers {
            let named: HeaderName = name.parse().map_err(|_| wrong(format!("{name:?} is no name of a header")))?;
            if RESERVED.contains(&named.as_str()) {
                return Err(wrong(format!("{named} belongs to the connection")));
            }
            let value = HeaderValue::from_str(value.expose_secret());
            let mut value = value.map_err(|_| wrong(format!("the value of {named} must be visible ASCII")))?;
            value.set_sensitive(true);
            map.insert(named, value);
        }
        Ok(map)
    }
}

/// Whether that is this machine.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str, headers: &[(&str, &str)]) -> Settings {
        Settings {
            endpoint: endpoint.to_owned(),
            sample_ratio: 1.0,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect(),
            ca_pem: None,
            cluster: "c".into(),
            version: "1".into(),
        }
    }

    #[test]
    fn traces_have_their_place_below_the_receiver() {
        let address = |endpoint: &str| settings(endpoint, &[]).address().unwrap();
        assert_eq!(address("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(address("https://a.example/otlp/"), "https://a.example/otlp/v1/traces");
        assert_eq!(address("https://a.example/v1/traces"), "https://a.example/v1/traces");
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        for wrong in ["", "127.0.0.1:4318", "ftp://a", "http://", "http://u:p@a", "http://a/?x=1", "http://a/#x", "a b"]
        {
            let error = settings(wrong, &[]).check().unwrap_err();
            assert_eq!(error.setting, "endpoint", "{wrong}");
        }
    }

    #[test]
    fn headers_do_not_travel_in_clear_and_errors_do_not_repeat_them() {
        let secret = [("x-key", "s3cr3t")];
        assert!(settings("http://collector:4318", &secret).check().is_err());
        for fine in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://collector"] {
            settings(fine, &secret).check().unwrap();
        }
        for wrong in [("a b", "s3cr3t"), ("x", "s3cr3t\n"), ("Host", "s3cr3t")] {
            let error = settings("https://a", &[wrong]).check().unwrap_err();
            assert_eq!(error.setting, "headers");
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
        assert!(!format!("{:?}", settings("https://a", &secret)).contains("s3cr3t"));
    }

    #[test]
    fn a_ratio_is_between_none_and_all() {
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let settings = Settings { sample_ratio: wrong, ..settings("https://a", &[]) };
            assert_eq!(settings.check().unwrap_err().setting, "sample_ratio");
        }
    }
}
