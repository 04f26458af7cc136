//! A cluster: its folder, its server, and what one does with it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use crate::programs::{self, Runner, output};
use crate::server::{self, Server, client, signal};

/// The password of the superuser `postgres`.
pub const PASSWORD: &str = "a-pass-word-of-tests";

/// How often another port is tried when somebody took the free one first.
const PORTS_TRIED: usize = 10;

/// A PostgreSQL server for tests. Its methods may be called from any thread.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    runner: Runner,
    port: AtomicU16,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
    watcher: Child,
}

impl Cluster {
    /// Makes and starts one, with the settings that PostgreSQL has by itself: what is committed is on disk.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Makes and starts one with lines of `postgresql.conf`, after writing files into its data folder that only the
    /// server may read: for TLS.
    pub fn start_with(settings: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let (folder, programs, runner) = (new_folder(), programs::folder(), Runner::find());
        runner.own(&folder);
        let watcher = server::watch(&folder);
        make(&folder, &programs, runner);
        let data = folder.join("data");
        for (name, text) in files {
            let path = data.join(name);
            std::fs::write(&path, text).expect("a file for the server");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
            runner.own(&path);
        }
        let lines: String = settings.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        let path = data.join("postgresql.conf");
        let text = std::fs::read_to_string(&path).expect("the server's settings");
        std::fs::write(&path, format!("{text}\nlisten_addresses = '127.0.0.1'\n{lines}")).expect("settings");
        let cluster = Self {
            folder,
            programs,
            runner,
            port: AtomicU16::new(0),
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
            watcher,
        };
        cluster.begin();
        cluster
    }

    /// Where the database `postgres` is, over TCP without TLS, with the password.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where a database is.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}?sslmode=disable", self.port())
    }

    /// Where a new, empty database is.
    pub fn new_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url_of(&name)
    }

    /// The port on 127.0.0.1. It stays over restarts.
    pub fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// The folder, which holds the socket too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it in order: connections are cut off, everything is written down.
    pub fn stop(&self) {
        self.end("INT");
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        self.end("QUIT");
    }

    /// Starts it, after stopping it if it runs.
    pub fn restart(&self) {
        self.stop();
        self.begin();
    }

    /// Stops every process of it in its tracks: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        if let Some(server) = &*self.server.lock().unwrap() {
            signal("STOP", &server.processes());
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        if let Some(server) = &*self.server.lock().unwrap() {
            signal("CONT", &server.processes());
        }
    }

    /// Runs SQL in a database with `psql`; gives the rows, fields parted by `|`.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text];
        client(&self.programs, "psql", &self.folder, self.port(), PASSWORD, &args)
    }

    /// Everything in the database `postgres`, as `pg_dump` writes it.
    pub fn dump(&self) -> String {
        self.dump_of("postgres")
    }

    /// Everything in a database, as `pg_dump` writes it.
    pub fn dump_of(&self, database: &str) -> String {
        client(&self.programs, "pg_dump", &self.folder, self.port(), PASSWORD, &["-d", database])
    }

    fn begin(&self) {
        let mut server = self.server.lock().unwrap();
        let first = self.port() == 0;
        for _ in 0..PORTS_TRIED {
            if self.port() == 0 {
                let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
                self.port.store(free.expect("a free port").port(), Ordering::Relaxed);
            }
            *server = Server::start(self.runner, &self.programs, &self.folder, self.port());
            if server.is_some() {
                return;
            }
            if first {
                self.port.store(0, Ordering::Relaxed);
            }
        }
        panic!("PostgreSQL ended: {}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    fn end(&self, how: &str) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.end(how);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let _ = std::fs::remove_dir_all(&self.folder);
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// A short path, because sockets have no room for long ones.
fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("pg-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder for the server");
    folder
}

fn make(folder: &Path, programs: &Path, runner: Runner) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).expect("a file for the password");
    runner.own(&password);
    let mut initdb = runner.command(&programs.join("initdb"));
    initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]);
    output(initdb.arg("--pwfile").arg(&password).arg("-D").arg(folder.join("data")));
}
