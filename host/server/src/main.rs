//! The binary: reads the command line and the configuration, puts the house together, and opens its doors.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use secrecy::{ExposeSecret, SecretString};
use server::args::{Arguments, Command, Server};
use server::compose::{House, compose};
use server::config::{self, Config, Listener, Storage};
use server::listener::{Door, Socket, serve};
use server::log::Level;
use server::tls::Identity;
use server::{hardening, log, runtime, store, tls};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long work on threads of its own may still take after the last request.
const SHUTDOWN_MAX: Duration = Duration::from_millis(500);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A line for people on standard output. Where nobody reads any more, the server goes on.
macro_rules! say {
    ($($line:tt)*) => {
        let _ = writeln!(std::io::stdout(), $($line)*);
    };
}

fn main() -> ExitCode {
    // The worker process of a PKCS#11 library is this binary too. It is one before anything else is started.
    if let Some(ended) = pkcs11::worker(std::env::args_os()) {
        return ended;
    }
    let matches = cli::grouped(Arguments::command()).try_get_matches_from(cli::normalise(std::env::args_os()));
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = cli::refused(error);
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.command {
        Command::Version => {
            say!("Innkeeper v{} (tells clients {} by default)", env!("CARGO_PKG_VERSION"), config::REPORTED_VERSION);
            Ok(())
        }
        Command::Server(options) => options.settled().map_err(Failure::from).and_then(|options| run(&options)),
        Command::Engine(command) => return server::engine::run(&command),
        Command::Client(command) => return cli::run(&command, Arguments::command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "innkeeper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Server) -> Result<(), Failure> {
    if !options.development() && options.config.is_empty() {
        return Err("say -dev for a development server, or -config=FILE".into());
    }
    let mut config = config::read(&options.config)?;
    if options.development() {
        config.storage = Storage::Memory;
    }
    let level = log::start(
        options.log_level.as_ref().unwrap_or(&config.log_level),
        options.log_format.as_ref().unwrap_or(&config.log_format),
        std::io::stderr,
    );
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if !options.development() {
        hardening::harden();
    }
    hardening::widen();
    let runtime = runtime::build()?;
    let result = runtime.block_on(open(options, &config, &level));
    // What a second signal cut off is not waited for.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    result
}

async fn open(options: &Server, config: &Config, level: &Level) -> Result<(), Failure> {
    // From here on a signal is ours to answer.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let house = Arc::new(compose(config, store::open(&config.storage).await?, &[]).await?);
    let authority = if options.dev_tls { Some(Authority::make()?) } else { None };
    let doors = doors(options, config, authority.as_ref()).await?;
    let identities = doors.iter().filter_map(|door| door.tls.clone()).collect();
    say!("==> Innkeeper v{} server", env!("CARGO_PKG_VERSION"));
    if options.development() {
        develop(options, &house, &doors).await?;
    } else {
        if !config.storage_given {
            tracing::warn!("the configuration has no storage: everything is kept in memory, until the server stops");
        }
        house.look().await?;
        announce(config, &doors);
    }
    let (stop, stopped) = watch::channel(false);
    let mut serving = Vec::new();
    for door in doors {
        serving.push(tokio::spawn(serve(door, Arc::clone(&house.gateway), stopped.clone())));
    }
    say!("==> Ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        never = wait(&house, options, level, identities) => never?,
    }
    tracing::info!("stopping: open requests may finish; a second signal ends them");
    stop.send_replace(true);
    let drained = async {
        for task in serving {
            let _ = task.await;
        }
    };
    tokio::select! { () = drained => {}, _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    house.close().await;
    Ok(())
}

/// Unseals where the seal does that by itself, and answers SIGHUP: certificates and the level of the log are read again,
/// and audit devices open their files anew.
async fn wait(house: &House, options: &Server, level: &Level, identities: Vec<Arc<Identity>>) -> Result<(), Failure> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut unsealing = std::pin::pin!(house.unseal_by_itself());
    let mut open = false;
    loop {
        tokio::select! {
            () = &mut unsealing, if !open => open = true,
            _ = hang_up.recv() => {
                house.gateway.reopen_audit();
                reload(options, level, &identities);
            }
        }
    }
}

fn reload(options: &Server, level: &Level, identities: &[Arc<Identity>]) {
    match config::read(&options.config) {
        Ok(config) => {
            level.set(options.log_level.as_ref().unwrap_or(&config.log_level));
            tracing::info!("the level of the log was read again");
        }
        Err(error) => tracing::error!(%error, "the configuration cannot be read again; it stays as it was"),
    }
    for identity in identities {
        match identity.reload() {
            Ok(()) => tracing::info!("a listener's certificate and key were read again"),
            Err(error) => tracing::error!(%error, "a certificate cannot be read again; it stays as it was"),
        }
    }
}

async fn doors(options: &Server, config: &Config, authority: Option<&Authority>) -> Result<Vec<Door>, Failure> {
    let mut doors = Vec::new();
    if options.development() {
        let tls = authority.map(|authority| Arc::clone(&authority.identity));
        doors.push(bind(&Listener::plain(options.listen_address()), tls).await?);
    }
    for listener in &config.listeners {
        let tls = match &listener.tls {
            Some(settings) => Some(Arc::new(Identity::from_files(settings)?)),
            None => None,
        };
        doors.push(bind(listener, tls).await?);
    }
    if doors.is_empty() { Err("the configuration has no listener".into()) } else { Ok(doors) }
}

async fn bind(listener: &Listener, tls: Option<Arc<Identity>>) -> Result<Door, Failure> {
    let bound = match listener.unix {
        Some(mode) => Socket::at_file(Path::new(&listener.address), mode),
        None => TcpListener::bind(&listener.address).await.map(Socket::from),
    };
    let bound = bound.map_err(|e| format!("cannot listen on {}: {e}", listener.address))?;
    Ok(Door::new(bound, tls, listener))
}

/// The authority of development mode: its certificate lies in a file that clients can be pointed to, as long as the
/// server runs.
struct Authority {
    identity: Arc<Identity>,
    file: PathBuf,
}

impl Authority {
    fn make() -> Result<Self, Failure> {
        let made = tls::development()?;
        let file = std::env::temp_dir().join(format!("innkeeper-dev-ca-{}.pem", std::process::id()));
        write_private(&file, &made.authority)?;
        say!("    $ export VAULT_CACERT='{}'", file.display());
        Ok(Self { identity: Arc::new(made.identity), file })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// A file that only this user reads, new: one that is there already, or a link, is not followed.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

fn announce(config: &Config, doors: &[Door]) {
    say!("    Storage: {}", config.storage.kind());
    say!("    Seal: {}\n", if config.seal.as_ref().is_some_and(|seal| !seal.disabled) { "pkcs11" } else { "shamir" });
    addresses(doors);
}

fn addresses(doors: &[Door]) {
    for door in doors {
        if let Ok(address) = door.socket.address(door.tls.is_some()) {
            say!("    $ export VAULT_ADDR='{address}'");
        }
    }
}

/// Opens a node of development mode, and says how to reach it.
async fn develop(options: &Server, house: &House, doors: &[Door]) -> Result<(), Failure> {
    let founded = house.gateway.develop(options.dev_root_token_id.clone().map(SecretString::from)).await?;
    say!("WARNING! Everything is kept in memory, unsealed, and gone when the server stops.\n");
    addresses(doors);
    for share in &founded.shares {
        say!("\nUnseal Key: {}", &*share.base64());
    }
    say!("Root Token: {}", founded.root_token.expose_secret());
    if !options.dev_no_store_token
        && let Some(home) = std::env::home_dir()
        && let Err(error) = write_private(&home.join(".vault-token"), founded.root_token.expose_secret())
    {
        tracing::warn!(%error, "the root token could not be written to ~/.vault-token");
    }
    Ok(())
}
