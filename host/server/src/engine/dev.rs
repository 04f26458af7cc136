//! `engine dev`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::component::{self, Component};
use super::setting::Setting;
use super::stage::{Mounted, Stage};
use super::watch::Watched;
use super::{Error, LOG, block_on, build, visible};
use crate::config::Listener;
use crate::listener::{Door, serve};
use crate::{hardening, log};

/// Starts a development server with a component.
#[derive(Debug, clap::Args)]
pub struct Dev {
    /// A project's folder: it is built, and again whenever a source of it changes. Or a component, or a module that one can
    /// be made of: it is taken anew whenever it changes.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Where to mount it; at its name by default.
    #[arg(long, value_name = "PATH")]
    pub mount: Option<String>,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8200", value_name = "ADDRESS")]
    pub listen_address: String,
    /// The root token; a random one by default.
    #[arg(long, value_name = "TOKEN")]
    pub root_token_id: Option<String>,
    /// Keys and configuration.
    #[command(flatten)]
    pub setting: Setting,
}

impl Dev {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<bool, Error> {
        let source = Source::new(&self.path);
        let component = source.component()?;
        log::start(LOG, "standard", io::stderr);
        hardening::widen();
        let (config, token) = self.setting.prepare()?;
        block_on(async {
            let root = self.root_token_id.clone().map(SecretString::from);
            let stage = Stage::open(config, root).await?;
            let with = (&self.setting, token.as_ref());
            let done = match stage.mount(&component, self.mount.as_deref(), with).await {
                Ok(mounted) => self.serve(&stage, &mounted, (source, component), out).await,
                Err(error) => Err(error),
            };
            stage.house.close().await;
            done.map(|()| true)
        })
    }

    async fn serve(
        &self,
        stage: &Stage,
        mounted: &Mounted,
        (source, component): (Source, Component),
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let failed = |error| Error::Wrong(format!("cannot listen on {}: {error}", self.listen_address));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let listener = TcpListener::bind(&self.listen_address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let door = Door::new(listener, None, &Listener::plain(""));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(door, Arc::clone(&stage.house.gateway), stopped));
        writeln!(out, "WARNING! Everything is kept in memory, unsealed, and gone when this stops.\n")?;
        writeln!(out, "    $ export VAULT_ADDR='http://{address}'")?;
        writeln!(out, "    $ export VAULT_TOKEN='{}'\n", stage.token())?;
        writeln!(out, "==> {} is mounted at {}", self.path.display(), mounted.path)?;
        writeln!(out, "==> Ready: {}", source.promise())?;
        tokio::select! {
            told = follow(stage, mounted, (source, component), out) => told?,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        tokio::select! { _ = serving => {}, _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        Ok(())
    }
}

/// Where components come from.
struct Source {
    path: PathBuf,
    /// Whether it is a project, which is built.
    project: bool,
    watched: Watched,
}

impl Source {
    /// What changes from here on is noticed.
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), project: path.is_dir(), watched: Watched::new(path) }
    }

    fn promise(&self) -> &'static str {
        match self.project {
            true => "the project is built and taken anew whenever a source changes",
            false => "the component is taken anew whenever the file changes",
        }
    }

    /// The component as it is now. Takes as long as building does.
    fn component(&self) -> Result<Component, Error> {
        made(&self.path, self.project)
    }

    /// Waits for a change, and for the component that comes of it.
    async fn next(&mut self) -> Result<Component, Error> {
        self.watched.changed().await;
        let (path, project) = (self.path.clone(), self.project);
        let made = tokio::task::spawn_blocking(move || made(&path, project)).await;
        made.unwrap_or_else(|error| Err(Error::Wrong(error.to_string())))
    }
}

fn made(path: &Path, project: bool) -> Result<Component, Error> {
    if project {
        return build::build(path, None).map(|(_, bytes)| Component { bytes, from_module: true });
    }
    component::read(path)
}

/// Takes the component anew whenever it has changed. What cannot be built or loaded leaves the one that runs.
async fn follow(
    stage: &Stage,
    mounted: &Mounted,
    (mut source, component): (Source, Component),
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut running = component::sha256(&component.bytes);
    drop(component);
    loop {
        let replaced = match source.next().await {
            Ok(component) => {
                if component::sha256(&component.bytes) == running {
                    continue;
                }
                stage.replace(mounted, &running, &component).await
            }
            Err(error) => Err(error),
        };
        let name = source.path.display();
        match replaced {
            Ok(sha256) => {
                writeln!(out, "==> {name} has changed: {} runs {sha256} now", mounted.path)?;
                running = sha256;
            }
            Err(error) => {
                let why = visible(&error.to_string());
                writeln!(out, "==> {name} has changed, and cannot be loaded: the one before runs on. {why}")?;
            }
        }
        out.flush()?;
    }
}
