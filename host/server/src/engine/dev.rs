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
use super::{Error, LOG, block_on, visible};
use crate::config::Listener;
use crate::listener::{Door, serve};
use crate::{hardening, log};

/// Starts a development server with a component.
#[derive(Debug, clap::Args)]
pub struct Dev {
    /// The component, or a module that one can be made of. It is taken anew whenever it changes.
    pub file: PathBuf,
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
        // Before the file is read: what changes from here on is noticed.
        let watched = Watched::new(&self.file);
        let component = component::read(&self.file)?;
        log::start(LOG, "standard", io::stderr);
        hardening::widen();
        let (config, token) = self.setting.prepare()?;
        block_on(async {
            let root = self.root_token_id.clone().map(SecretString::from);
            let stage = Stage::open(config, root).await?;
            let with = (&self.setting, token.as_ref());
            let done = match stage.mount(&component, self.mount.as_deref(), with).await {
                Ok(mounted) => self.serve(&stage, &mounted, (watched, component), out).await,
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
        (watched, component): (Watched, Component),
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
        writeln!(out, "==> {} is mounted at {}", self.file.display(), mounted.path)?;
        writeln!(out, "==> Ready: the component is taken anew whenever the file changes")?;
        tokio::select! {
            told = follow(stage, mounted, (watched, component), &self.file, out) => told?,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        tokio::select! { _ = serving => {}, _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        Ok(())
    }
}

/// Takes the component anew whenever its file has changed. What cannot be loaded leaves the one that runs.
async fn follow(
    stage: &Stage,
    mounted: &Mounted,
    (mut watched, component): (Watched, Component),
    file: &Path,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let mut running = component::sha256(&component.bytes);
    drop(component);
    loop {
        watched.changed().await;
        let (path, name) = (file.to_owned(), file.display());
        let read = tokio::task::spawn_blocking(move || component::read(&path)).await;
        let read = read.unwrap_or_else(|error| Err(Error::Wrong(error.to_string())));
        let replaced = match read {
            Ok(component) => {
                if component::sha256(&component.bytes) == running {
                    continue;
                }
                stage.replace(mounted, &running, &component).await
            }
            Err(error) => Err(error),
        };
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
