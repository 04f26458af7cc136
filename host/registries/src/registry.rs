//! What the operator says of a registry.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use oci_client::Reference;
use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};

use crate::pull::TIME_MAX;

/// Longest list of certificate authorities, in bytes.
pub const CA_PEM_MAX: usize = 64 << 10;
/// Most certificates in such a list.
pub const CA_CERTIFICATES_MAX: usize = 16;
/// Longest time until a connection is made, and between two pieces of an answer.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const SILENCE_MAX: Duration = Duration::from_secs(15);
const AGENT: &str = concat!("innkeeper/", env!("CARGO_PKG_VERSION"));

/// A registry that may be asked.
#[derive(Clone, Default)]
pub struct Registry {
    /// Its name as references have it, with a port unless that is the usual one.
    pub host: String,
    /// Who the server is there; none: anybody.
    pub account: Option<(String, SecretString)>,
    /// The only certificate authorities that are trusted, PEM; none: this machine's.
    pub ca_pem: Option<String>,
    /// Without TLS: only to this machine.
    pub plain_http: bool,
}

/// A registry that cannot be one: the key that is wrong, and what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {wanted}")]
pub struct Wrong {
    /// Empty for the name.
    pub key: &'static str,
    /// What would be right.
    pub wanted: &'static str,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The two clients of a registry, made for one pull: what they learn is let go with them.
pub(crate) struct Clients {
    pub(crate) registry: Client,
    pub(crate) manifests: reqwest::Client,
}

impl Registry {
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        let read = Reference::try_from(format!("{}/a/b", self.host));
        if !read.is_ok_and(|read| read.registry() == self.host) {
            return Err(Wrong { key: "", wanted: "must be HOST or HOST:PORT, as references to images have it" });
        }
        if self.plain_http && !self.is_here() {
            return Err(Wrong { key: "plain_http", wanted: "may be true for 127.0.0.1 and localhost only" });
        }
        let account = |(name, password): &(String, SecretString)| {
            name.is_empty() || name.contains(':') || password.expose_secret().is_empty()
        };
        if self.account.as_ref().is_some_and(account) {
            return Err(Wrong { key: "username", wanted: "must have a password, and no colon" });
        }
        self.authorities()?;
        let unusable = |_| Wrong { key: "tls_ca_file", wanted: "must hold certificates that can be trusted" };
        self.clients().map(|_| ()).map_err(unusable)
    }

    fn is_here(&self) -> bool {
        let name = self.host.split(':').next().unwrap_or_default();
        name == "localhost" || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }

    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Wrong> {
        let Some(pem) = &self.ca_pem else { return Ok(Vec::new()) };
        let wrong = Wrong { key: "tls_ca_file", wanted: "must hold 1 to 16 certificates in PEM, in at most 64 KiB" };
        if pem.len() > CA_PEM_MAX {
            return Err(wrong);
        }
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        read.ok().filter(|found| (1..=CA_CERTIFICATES_MAX).contains(&found.len())).ok_or(wrong)
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.plain_http { "http" } else { "https" }
    }

    pub(crate) fn auth(&self) -> RegistryAuth {
        match &self.account {
            Some((name, password)) => RegistryAuth::Basic(name.clone(), password.expose_secret().to_owned()),
            None => RegistryAuth::Anonymous,
        }
    }

    pub(crate) fn clients(&self) -> Result<Clients, oci_client::errors::OciDistributionError> {
        let authorities = self.authorities().unwrap_or_default();
        let certificate =
            |der: &CertificateDer<'_>| Certificate { encoding: CertificateEncoding::Der, data: der.to_vec() };
        let registry = Client::try_from(ClientConfig {
            protocol: if self.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            tls_certs_only: authorities.iter().map(certificate).collect(),
            platform_resolver: None,
            connect_timeout: Some(CONNECT_MAX),
            read_timeout: Some(SILENCE_MAX),
            user_agent: AGENT,
            ..ClientConfig::default()
        })?;
        let builder = reqwest::Client::builder()
            .https_only(!self.plain_http)
            .connect_timeout(CONNECT_MAX)
            .timeout(TIME_MAX)
            .read_timeout(SILENCE_MAX)
            .user_agent(AGENT);
        let builder = if authorities.is_empty() {
            builder
        } else {
            let trusted: Result<Vec<_>, _> =
                authorities.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
            builder.tls_certs_only(trusted?)
        };
        Ok(Clients { registry, manifests: builder.build()? })
    }
}
