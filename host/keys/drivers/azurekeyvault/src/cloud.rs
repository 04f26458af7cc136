//! The clouds that the node knows, and where in them a record points.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use azure_core::http::Url;
use keys::Error;
use keys::registry::{AZURE_RESOURCES, AzureKeyVaultProvider};

use crate::settings::{Cloud, Settings};
use crate::wire::{Peer, Trust, Wire};

/// Azure's own clouds: their names, and their authorities. Their domains are those of [`AZURE_RESOURCES`].
const AZURE: [(&[&str], &str); 3] = [
    (&["AZUREPUBLICCLOUD", "AZURECLOUD"], "https://login.microsoftonline.com"),
    (&["AZUREUSGOVERNMENTCLOUD", "AZUREUSGOVERNMENT"], "https://login.microsoftonline.us"),
    (&["AZURECHINACLOUD"], "https://login.chinacloudapi.cn"),
];

/// The clouds that the node knows.
pub(crate) struct Clouds {
    known: Vec<Known>,
    addresses: Arc<BTreeMap<String, SocketAddr>>,
}

struct Known {
    names: Vec<String>,
    authority: String,
    /// The values of `resource` that mean its vaults, and their domain.
    vaults: (Vec<&'static str>, String),
    /// Likewise its Managed HSMs.
    hsms: Option<(Vec<&'static str>, String)>,
    own: bool,
    trust: Arc<Trust>,
}

/// Where a record points.
pub(crate) struct Place {
    /// The vault's address.
    pub(crate) endpoint: String,
    /// The one scope that tokens are asked for.
    pub(crate) scope: String,
    /// The authority's address.
    pub(crate) authority: String,
    /// Whether Azure itself answers there.
    pub(crate) azure: bool,
    /// Whether it is a Managed HSM.
    pub(crate) hsm: bool,
    trust: Arc<Trust>,
    addresses: Arc<BTreeMap<String, SocketAddr>>,
}

impl Clouds {
    /// Reads the certificates; dials nobody.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let azure = Arc::new(trust(settings.ca_file.as_deref(), false)?);
        let mut known: Vec<Known> = (0..AZURE.len()).map(|at| Known::azure(at, Arc::clone(&azure))).collect();
        for cloud in &settings.clouds {
            let cloud = Known::own(cloud)?;
            if known.iter().any(|other| other.names.iter().any(|name| cloud.names.contains(name))) {
                return Err(Error::invalid(format!("cloud {:?}: the name is taken", cloud.names[0])));
            }
            known.push(cloud);
        }
        let addresses = settings.addresses.iter().map(|(host, at)| (host.to_ascii_lowercase(), *at)).collect();
        Ok(Self { known, addresses: Arc::new(addresses) })
    }

    /// Where a record points. Names that the node does not know are refused by their field.
    pub(crate) fn place(&self, provider: &AzureKeyVaultProvider) -> Result<Place, Error> {
        let found = self.known.iter().find(|cloud| cloud.names.contains(&provider.environment));
        let cloud = found.ok_or_else(|| {
            let names: Vec<&str> = self.known.iter().map(|cloud| cloud.names[0].as_str()).collect();
            Error::invalid(format!("environment: is not a cloud that this node knows; use {}", names.join(", ")))
        })?;
        let means = |service: &(Vec<&str>, String)| service.0.contains(&provider.resource.as_str());
        let hsm = cloud.hsms.as_ref().filter(|hsms| means(hsms));
        let vault = Some(&cloud.vaults).filter(|vaults| means(vaults));
        let (_, suffix) = hsm.or(vault).ok_or_else(|| {
            Error::invalid(format!("resource: {:?} is not in the cloud {}", provider.resource, cloud.names[0]))
        })?;
        let endpoint = format!("https://{}.{suffix}", provider.vault_name.to_ascii_lowercase());
        Ok(Place {
            endpoint,
            scope: format!("https://{}/.default", suffix.split(':').next().unwrap_or_default()),
            authority: cloud.authority.clone(),
            azure: !cloud.own,
            hsm: hsm.is_some(),
            trust: Arc::clone(&cloud.trust),
            addresses: Arc::clone(&self.addresses),
        })
    }
}

impl Known {
    fn azure(at: usize, trust: Arc<Trust>) -> Self {
        let (names, authority) = AZURE[at];
        // Records name the public cloud's domains also where they mean another cloud's.
        let domains = |first: usize| {
            let domain = AZURE_RESOURCES[first + at];
            (vec![AZURE_RESOURCES[first], domain], domain.to_owned())
        };
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            authority: authority.to_owned(),
            vaults: domains(0),
            hsms: Some(domains(AZURE.len())),
            own: false,
            trust,
        }
    }

    fn own(cloud: &Cloud) -> Result<Self, Error> {
        let wrong = |what: &str| Error::invalid(format!("cloud {:?}: {what}", cloud.name));
        let origin = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.path() == "/");
            url.filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty())
        };
        let authority = origin(&cloud.authority).ok_or_else(|| wrong("authority must be https:// and a host"))?;
        let suffixes = [Some(&cloud.vault_suffix), cloud.hsm_suffix.as_ref()];
        if !suffixes.into_iter().flatten().all(|suffix| origin(&format!("https://vault.{suffix}")).is_some()) {
            return Err(wrong("a suffix must be a domain, perhaps with a port"));
        }
        Ok(Self {
            names: vec![cloud.name.to_ascii_uppercase()],
            authority: authority.origin().ascii_serialization(),
            vaults: (vec![AZURE_RESOURCES[0]], cloud.vault_suffix.clone()),
            hsms: cloud.hsm_suffix.clone().map(|suffix| (vec![AZURE_RESOURCES[AZURE.len()]], suffix)),
            own: true,
            trust: Arc::new(trust(cloud.ca_file.as_deref(), true)?),
        })
    }
}

impl Place {
    /// A transport to the vault alone.
    pub(crate) fn to_vault(&self) -> Result<Wire, Error> {
        self.wire(&self.endpoint)
    }

    /// A transport to the authority alone.
    pub(crate) fn to_authority(&self) -> Result<Wire, Error> {
        self.wire(&self.authority)
    }

    /// A transport to the machine's own source of identities alone.
    pub(crate) fn to_machine(&self, source: &str) -> Result<Wire, Error> {
        let peer = Peer::parse(source, true)?;
        Wire::local(peer, &self.addresses)
    }

    fn wire(&self, url: &str) -> Result<Wire, Error> {
        Wire::new(Peer::parse(url, false)?, &self.trust, &self.addresses)
    }
}

/// The certificates of a file: the only ones that are trusted, or more beside the system's.
fn trust(file: Option<&Path>, only: bool) -> Result<Trust, Error> {
    let Some(file) = file else { return Ok(Trust::System) };
    let wrong = |what: String| Error::invalid(format!("ca_file: {}: {what}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| wrong("is not PEM".into()))?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate".into()));
    }
    Ok(if only { Trust::Only(certificates) } else { Trust::Also(certificates) })
}
