//! Pulls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use oci_client::RegistryOperation;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor,
};
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use secrecy::ExposeSecret;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::manifest::{self, MANIFEST_MAX};
use crate::registry::Clients;
use crate::{Failure, Image, Reason, Registry, Wrong};

/// Longest time of a pull, from the first packet to the last.
pub const TIME_MAX: Duration = Duration::from_secs(60);
/// Most pulls at once, each of which holds a component.
pub const AT_ONCE_MAX: usize = 4;
/// What a reference may lead to. Indexes are asked for too, to be told apart from what is not there.
const MANIFESTS: [&str; 4] =
    [OCI_IMAGE_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE];

/// A component from a registry.
#[derive(Debug)]
pub struct Pulled {
    /// Its bytes, which have the digest that was asked for.
    pub component: Vec<u8>,
    /// The signature that its layer is annotated with, unchecked.
    pub signature: Option<String>,
}

/// The registries that may be asked. None, unless the operator names them.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    by_host: BTreeMap<String, Registry>,
    places: Semaphore,
}

impl Default for Registries {
    fn default() -> Self {
        Self::of(BTreeMap::new())
    }
}

impl Registries {
    /// These registries. An error comes with the name of the one that is wrong.
    pub fn new(registries: Vec<Registry>) -> Result<Self, (String, Wrong)> {
        let mut by_host = BTreeMap::new();
        for registry in registries {
            let registry = Registry { host: registry.host.to_ascii_lowercase(), ..registry };
            let host = registry.host.clone();
            registry.check().map_err(|wrong| (host.clone(), wrong))?;
            if by_host.insert(host.clone(), registry).is_some() {
                return Err((host, Wrong { key: "", wanted: "is there twice" }));
            }
        }
        Ok(Self::of(by_host))
    }

    fn of(by_host: BTreeMap<String, Registry>) -> Self {
        Self(Arc::new(Inner { by_host, places: Semaphore::new(AT_ONCE_MAX) }))
    }

    /// Pulls the component of an image: the one with this digest (SHA-256, lower-case hex), of at most so many bytes, until
    /// then at most. Whether it is that component and fits is known before it is fetched.
    pub async fn pull(&self, image: &Image, sha256: &str, max: usize, until: Instant) -> Result<Pulled, Failure> {
        let _place = self.place()?;
        let pull = self.prepare(image, sha256)?;
        in_time(image.registry(), until, async move { pull.whole(max).await }).await
    }

    /// Pulls a component that was pulled before: its digest and size are known, whatever its tag names by now.
    pub async fn again(&self, image: &Image, sha256: &str, size: usize, until: Instant) -> Result<Vec<u8>, Failure> {
        let _place = self.place()?;
        let pull = self.prepare(image, sha256)?;
        let work = async move {
            pull.enter().await?;
            pull.component(size).await
        };
        in_time(image.registry(), until, work).await
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let busy = |_| Failure::new(Reason::TooMany, "too many components are pulled at once");
        self.0.places.try_acquire().map_err(busy)
    }

    fn prepare(&self, image: &Image, sha256: &str) -> Result<Pull, Failure> {
        let host = image.registry();
        let registry = self.0.by_host.get(&host).cloned().ok_or_else(|| {
            let text = format!("{host} is not in plugin_registries of the server's configuration");
            Failure::new(Reason::NotAllowed, text)
        })?;
        let clients = registry.clients().map_err(|_| Failure::new(Reason::Internal, "no client for registries"))?;
        Ok(Pull { image: image.clone(), sha256: sha256.to_owned(), host, registry, clients })
    }
}

/// Does a pull as a task of its own, which ends with this call: so nothing that a registry sends can end more than that.
/// The client's own code panics on a token that no header can hold.
async fn in_time<T: Send + 'static>(
    host: String,
    until: Instant,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match timeout_at(until.min(Instant::now() + TIME_MAX), task.join_next()).await {
        Ok(Some(Ok(done))) => done,
        Ok(_) => {
            let text = format!("{host}: what answers does not speak as a registry does");
            Err(Failure::new(Reason::Unreachable, text))
        }
        Err(_) => Err(Failure::new(Reason::Timeout, format!("{host}: the component did not come in time"))),
    }
}

/// One pull.
struct Pull {
    image: Image,
    sha256: String,
    host: String,
    registry: Registry,
    clients: Clients,
}

impl Pull {
    async fn whole(&self, max: usize) -> Result<Pulled, Failure> {
        let token = self.enter().await?;
        let bytes = self.manifest(token.as_deref()).await?;
        let layer = manifest::read(&bytes, self.image.reference().digest(), max)
            .map_err(|failure| Failure::new(failure.reason, format!("{}: {failure}", self.image)))?;
        if layer.sha256 != self.sha256 {
            let text = format!("{}: its component has the SHA-256 {}, not the given one", self.image, layer.sha256);
            return Err(Failure::new(Reason::Digest, text));
        }
        Ok(Pulled { component: self.component(layer.size).await?, signature: layer.signature })
    }

    /// Asks the registry to be let in; what it gives out to show, if it gives out anything.
    async fn enter(&self) -> Result<Option<String>, Failure> {
        let (reference, auth) = (self.image.reference(), self.registry.auth());
        let entered = self.clients.registry.auth(reference, &auth, RegistryOperation::Pull).await;
        entered.map_err(|error| Failure::of_client(error, &self.host))
    }

    async fn manifest(&self, token: Option<&str>) -> Result<Vec<u8>, Failure> {
        let (reference, scheme) = (self.image.reference(), self.registry.scheme());
        let at = reference.digest().or(reference.tag()).unwrap_or_default();
        // Each part is of the reference's grammar, which has nothing that means something else in a URL.
        let url = format!("{scheme}://{}/v2/{}/manifests/{at}", reference.resolve_registry(), reference.repository());
        let request = self.clients.manifests.get(url).header(ACCEPT, MANIFESTS.join(", "));
        let request = match (token, &self.registry.account) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some((name, password))) => request.basic_auth(name, Some(password.expose_secret())),
            (None, None) => request,
        };
        let broken = |error| Failure::of_request(error, &self.host);
        let mut answer = request.send().await.map_err(broken)?;
        if answer.status() != StatusCode::OK {
            return Err(Failure::of_status(answer.status().as_u16(), &self.host));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(broken)? {
            if bytes.len() + piece.len() > MANIFEST_MAX {
                return Err(Failure::unfit(format!("{}: the manifest has more than 1 MiB", self.image)));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The component, of so many bytes and no others: the client checks its digest as it comes.
    async fn component(&self, size: usize) -> Result<Vec<u8>, Failure> {
        let other_size = || Failure::unfit(format!("{}: the component has another size than was said", self.image));
        // Without the other places that a manifest may name for a layer: nobody allowed those.
        let layer = OciDescriptor {
            media_type: manifest::COMPONENT.to_owned(),
            digest: format!("sha256:{}", self.sha256),
            size: i64::try_from(size).map_err(|_| other_size())?,
            ..OciDescriptor::default()
        };
        let opened = self.clients.registry.pull_blob_stream(self.image.reference(), &layer).await;
        let mut stream = opened.map_err(|error| Failure::of_client(error, &self.host))?;
        if stream.content_length.is_some_and(|length| usize::try_from(length) != Ok(size)) {
            return Err(other_size());
        }
        let mut bytes = Vec::with_capacity(size);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| Failure::of_stream(error, &self.host))?;
            if bytes.len() + piece.len() > size {
                return Err(other_size());
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() == size { Ok(bytes) } else { Err(other_size()) }
    }
}

#[cfg(test)]
mod tests;
