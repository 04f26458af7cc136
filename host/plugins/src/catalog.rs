//! The guests that mounts can be made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use meter::Meter;
use model::{Fault, Kind, MountClass, PluginType};
use quick_cache::sync::Cache;
use registries::Image;
use sandbox::{Guest, Loaded, PolicyGuest, Sandbox};
use storage::Transaction;
use tenancy::{Mount, Running};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::code::{self, apart};
use crate::compiled::{Of, Vouch};
use crate::signed::Made;
use crate::{COMPONENT_MAX, Code, Compiled, Error, Origins, Plugin, Source, UPLOAD_MAX};

/// Most loaded components that are held at once; the one that was used least goes first, and is loaded again when a request
/// wants it.
const LOADED_MAX: usize = 256;

/// The guests that mounts can be made of: the built-in ones, and those that are registered.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    sandbox: Arc<Sandbox>,
    secret: BTreeMap<String, Arc<Guest>>,
    auth: BTreeMap<String, Arc<Guest>>,
    policy: BTreeMap<String, Arc<PolicyGuest>>,
    /// By digest. Of several that want the same one loads it and the others wait.
    loaded: Cache<String, Loaded>,
    /// Compiling takes all cores: one at a time.
    compiling: Arc<Mutex<()>>,
    origins: Origins,
    made: Made,
    meter: Meter,
}

/// A component that was looked at before it is registered.
pub struct Examined {
    /// Its record, with its signature if it has a good one.
    pub plugin: Plugin,
    /// What is known of it.
    pub code: Code,
    /// Its bytes, where they are to be kept in the store.
    pub bytes: Option<Vec<u8>>,
}

impl Catalog {
    /// A catalog of these built-in guests, and of what is registered. Of two of one sort with one name the later stays.
    /// Components come from these origins, and native code is kept there, where there are such.
    pub fn new(
        sandbox: Arc<Sandbox>,
        builtin: impl IntoIterator<Item = Loaded>,
        origins: Origins,
        meter: Meter,
    ) -> Self {
        let (mut secret, mut auth, mut policy) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for guest in builtin {
            match guest {
                Loaded::Policy(guest) => drop(policy.insert(guest.name.clone(), guest)),
                Loaded::Engine(guest) => {
                    let of = match guest.descriptor.class {
                        MountClass::Secret => &mut secret,
                        MountClass::Auth => &mut auth,
                    };
                    of.insert(guest.descriptor.name.clone(), guest);
                }
            }
        }
        let (loaded, compiling) = (Cache::new(LOADED_MAX), Arc::default());
        let made = Made::default();
        Self(Arc::new(Inner { sandbox, secret, auth, policy, loaded, compiling, origins, made, meter }))
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.0.origins
    }

    pub(crate) fn made(&self) -> &Made {
        &self.0.made
    }

    fn sort(&self, class: MountClass) -> &BTreeMap<String, Arc<Guest>> {
        match class {
            MountClass::Secret => &self.0.secret,
            MountClass::Auth => &self.0.auth,
        }
    }

    /// The built-in guest of this sort with this name.
    pub fn builtin(&self, class: MountClass, name: &str) -> Option<&Arc<Guest>> {
        self.sort(class).get(name)
    }

    /// The built-in language of policies with this name.
    pub fn builtin_policy(&self, name: &str) -> Option<&Arc<PolicyGuest>> {
        self.0.policy.get(name)
    }

    /// The names of the built-in guests of one sort, in order.
    pub fn names(&self, sort: PluginType) -> Vec<&str> {
        match sort.class() {
            Some(class) => self.sort(class).keys().map(String::as_str).collect(),
            None => self.0.policy.keys().map(String::as_str).collect(),
        }
    }

    /// What a built-in guest of one sort with this name says of itself: its version, what it is for, and what it imports.
    pub fn builtin_title(&self, sort: PluginType, name: &str) -> Option<(&str, &str, &[String])> {
        match sort.class() {
            Some(class) => self.builtin(class, name).map(|guest| {
                let said = &guest.descriptor;
                (said.version.as_str(), said.about.as_str(), guest.imports.as_slice())
            }),
            None => self
                .builtin_policy(name)
                .map(|guest| (guest.version.as_str(), guest.about.as_str(), guest.imports.as_slice())),
        }
    }

    /// The guest that reads policies of a language: the built-in one, or the registered one that runs.
    pub async fn policy(
        &self,
        transaction: &Transaction,
        language: &str,
        running: Option<&Running>,
    ) -> Result<Arc<PolicyGuest>, Fault> {
        let lost = || Fault::internal(format!("policies in {language} cannot be read: this server lacks the guest"));
        let Some(running) = running else { return self.builtin_policy(language).cloned().ok_or_else(lost) };
        let loaded = match self.0.loaded.get(&running.sha256) {
            Some(loaded) => loaded,
            None => self.load(transaction, &running.sha256).await.map_err(|error| {
                let text = format!("policies in {language} cannot be read: {error}");
                Fault::new(Kind::Internal, text.clone()).detail(text)
            })?,
        };
        match loaded {
            Loaded::Policy(guest) => Ok(guest),
            Loaded::Engine(_) => Err(lost()),
        }
    }

    /// The guest that a mount runs, if it is at hand: always for built-in ones.
    pub fn at_hand(&self, mount: &Mount) -> Option<Arc<Guest>> {
        match &mount.running {
            None => self.builtin(mount.class, &mount.kind).cloned(),
            Some(running) => engine(self.0.loaded.get(&running.sha256)?),
        }
    }

    /// The guest that a mount runs. A registered component that this node has not run yet is loaded now, which may take
    /// seconds.
    pub async fn guest(&self, transaction: &Transaction, mount: &Mount) -> Result<Arc<Guest>, Fault> {
        if let Some(guest) = self.at_hand(mount) {
            return Ok(guest);
        }
        let Some(running) = &mount.running else {
            let text = format!("mount {} is of a type that this server lacks", mount.accessor);
            return Err(Fault::internal(text));
        };
        let loaded = self.load(transaction, &running.sha256).await.map_err(|error| error.of_mount(&mount.accessor))?;
        engine(loaded).ok_or_else(|| Fault::internal(format!("mount {} runs a guest that only judges", mount.accessor)))
    }

    async fn load(&self, transaction: &Transaction, sha256: &str) -> Result<Loaded, Error> {
        let loading = async {
            let bytes = code::bytes(transaction, &self.0.origins, sha256).await?;
            self.ready(transaction, sha256, bytes).await
        };
        self.0.loaded.get_or_insert_async(sha256, loading).await
    }

    /// Looks at a component that is to be registered: that it is what its digest says, is signed by whom it should be, fits
    /// the contract, and is what it is registered as. It is loaded then, and ready for mounts. One that was not sent is
    /// read, or pulled until then at most.
    pub async fn examine(
        &self,
        transaction: &mut Transaction,
        plugin: Plugin,
        sent: Option<Vec<u8>>,
        until: Instant,
    ) -> Result<Examined, Error> {
        let sent_here = sent.is_some();
        let Fetched { bytes, image, signature } = match sent {
            Some(bytes) => Fetched { bytes, image: None, signature: None },
            None => self.fetch(&plugin, until).await?,
        };
        if bytes.len() > COMPONENT_MAX {
            return Err(Error::Invalid("component: at most 64 MiB".to_owned()));
        }
        let bytes = code::check(bytes, &plugin.sha256).await?;
        let (plugin, bytes) = self.vouched(plugin, signature, bytes).await?;
        let size = bytes.len();
        let source = source(&plugin, sent_here, image, size);
        let kept = matches!(source, Source::Stored { .. }).then(|| bytes.clone());
        Vouch::make(transaction).await?;
        let ready = self.ready(transaction, &plugin.sha256, bytes);
        let code = known(&self.0.loaded.get_or_insert_async(&plugin.sha256, ready).await?, source, size);
        if code.class != plugin.class {
            let is = match code.class {
                PluginType::Secret => "a secrets engine",
                PluginType::Auth => "an auth method",
                PluginType::Policy => "a language of policies",
            };
            let text = format!("type: the component says that it is {is}: register it as {}", code.class.name());
            return Err(Error::Invalid(text));
        }
        if !plugin.version.fits(&code.version) {
            let text = format!("version: the component says of itself that it is {}", code.version);
            return Err(Error::Invalid(text));
        }
        Ok(Examined { plugin, code, bytes: kept })
    }

    /// Reads a component from the plugin directory, or pulls it from its registry.
    async fn fetch(&self, plugin: &Plugin, until: Instant) -> Result<Fetched, Error> {
        if plugin.oci_image.is_empty() {
            let bytes = code::read(self.0.origins.directory.as_ref(), plugin.command.clone()).await?;
            return Ok(Fetched { bytes, image: None, signature: None });
        }
        // As Vault has it, a version is a tag without its "v".
        let tag = plugin.version.to_string();
        let image = Image::read(&plugin.oci_image, Some(tag.trim_start_matches('v')))?;
        let pulled = self.0.origins.registries.pull(&image, &plugin.sha256, COMPONENT_MAX, until).await?;
        Ok(Fetched { bytes: pulled.component, image: Some(image.to_string()), signature: pulled.signature })
    }

    /// Makes a guest of bytes that have this digest: by native code that is kept, or by compiling.
    #[allow(
        unsafe_code,
        reason = "runs native code that this server compiled, or that carries its code of authenticity"
    )]
    async fn ready(&self, transaction: &Transaction, sha256: &str, bytes: Vec<u8>) -> Result<Loaded, Error> {
        let settings = self.0.sandbox.settings();
        let vouch = Vouch::find(transaction).await?;
        let kept = self.0.origins.compiled.clone().zip(vouch);
        let of = (sha256.to_owned(), settings.to_owned());
        let turn = Arc::clone(&self.0.compiling).lock_owned().await;
        let sandbox = Arc::clone(&self.0.sandbox);
        let native = apart(move || {
            // Held to the end, also when nobody waits for it any more.
            let _turn = turn;
            native(&sandbox, &of, &bytes, kept.as_ref())
        })
        .await??;
        // SAFETY: the bytes come from `native`, which either compiled them this moment from a component, or found them
        // under the code of authenticity that only this server's open barrier can make, for this digest and these settings.
        Ok(unsafe { self.0.sandbox.load_precompiled(&native, &self.0.meter) }.await?)
    }
}

fn engine(loaded: Loaded) -> Option<Arc<Guest>> {
    match loaded {
        Loaded::Engine(guest) => Some(guest),
        Loaded::Policy(_) => None,
    }
}

/// What is known of a component once it is loaded.
fn known(loaded: &Loaded, source: Source, size: usize) -> Code {
    let (class, name, version, about, imports) = match loaded {
        Loaded::Engine(guest) => {
            let said = &guest.descriptor;
            (PluginType::from(said.class), &said.name, &said.version, &said.about, &guest.imports)
        }
        Loaded::Policy(guest) => (PluginType::Policy, &guest.name, &guest.version, &guest.about, &guest.imports),
    };
    Code {
        record: 1,
        source,
        size,
        class,
        names_itself: name.clone(),
        version: version.clone(),
        about: about.clone(),
        imports: imports.clone(),
    }
}

/// A component that was not sent.
struct Fetched {
    bytes: Vec<u8>,
    /// The image that it was in, with its tag or digest.
    image: Option<String>,
    /// The signature that it came with, unchecked.
    signature: Option<String>,
}

fn source(plugin: &Plugin, sent: bool, image: Option<String>, size: usize) -> Source {
    match image {
        Some(image) if size > UPLOAD_MAX => Source::Image { image },
        None if !sent => Source::File { command: plugin.command.clone() },
        _ => Source::Stored { pieces: Code::pieces(size) },
    }
}

/// Native code of a component. Blocks, for seconds where it compiles.
fn native(
    sandbox: &Sandbox,
    (sha256, settings): &(String, String),
    bytes: &[u8],
    kept: Option<&(Compiled, Vouch)>,
) -> Result<Vec<u8>, Error> {
    let of = Of { sha256, settings };
    if let Some(native) = kept.and_then(|(folder, vouch)| folder.get(&of, vouch)) {
        return Ok(native);
    }
    let native = sandbox.compile(bytes)?;
    if let Some((folder, vouch)) = kept {
        folder.put(&of, vouch, &native);
    }
    Ok(native)
}
