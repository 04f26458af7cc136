//! A server that a test starts for itself: on a free port, checked to be the one that was started, ended with the value or
//! else with the process of the test, however that ends.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::openssl::{Folder, tempdir};

/// How long a server may take to answer. On two cores that others use too, Python needs its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often another port is tried when somebody took the free one first.
const PORTS_TRIED: usize = 5;

/// Starts the program in the background and waits for the end of its own standard input, which nobody but the process
/// of the test holds open: so that servers in statics, which are never dropped, do not outlive it.
const KEEPER: &str = r#"folder=$1
shift
"$@" >"$folder/log" 2>&1 </dev/null &
echo $! >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
cat >/dev/null
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
rm -rf "$folder""#;

/// A running server.
pub struct Peer {
    keeper: Child,
    port: u16,
    folder: Folder,
}

impl Peer {
    /// Starts a program, which is given its port and a folder of its own, and waits until it listens and `answers`.
    /// Panics with the program's output when it does not.
    pub fn start(command: impl Fn(u16, &Path) -> Command, answers: impl Fn(u16) -> bool) -> Self {
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            let port = free.expect("a free port").port();
            let folder = tempdir();
            let keeper = keep(&command(port, &folder.0), &folder.0);
            let peer = Self { keeper, port, folder };
            let until = Instant::now() + PATIENCE;
            while peer.runs() {
                if peer.listens() && answers(port) {
                    return peer;
                }
                assert!(Instant::now() < until, "the server does not answer: {}", peer.log());
                std::thread::sleep(Duration::from_millis(50));
            }
            // Perhaps somebody took the port first.
            said = peer.log();
        }
        panic!("the server ended: {said}");
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }

    fn process(&self) -> Option<PathBuf> {
        let pid = std::fs::read_to_string(self.folder.0.join("pid")).ok()?;
        Some(Path::new("/proc").join(pid.trim()))
    }

    /// Whether it was not started yet, or has not ended.
    fn runs(&self) -> bool {
        let Some(process) = self.process() else { return true };
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        // After the name in parentheses comes the state.
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    /// Whether it is this server that listens on the port, and not a stranger.
    fn listens(&self) -> bool {
        let Some(process) = self.process() else { return false };
        let here = format!("0100007F:{:04X}", self.port);
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let listening = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let inode = listening.filter(|row| row.get(1) == Some(&here.as_str()) && row.get(3) == Some(&"0A"));
        let Some(socket) = inode.filter_map(|row| Some(format!("socket:[{}]", row.get(9)?))).next() else {
            return false;
        };
        let Ok(files) = std::fs::read_dir(process.join("fd")) else { return false };
        files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|link| link == Path::new(&socket)))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn keep(command: &Command, folder: &Path) -> Child {
    let mut keeper = Command::new("setsid");
    keeper.args(["sh", "-c", KEEPER, "sh"]).arg(folder).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => keeper.env(name, value),
            None => keeper.env_remove(name),
        };
    }
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    keeper.spawn().expect("setsid and sh are there")
}

/// A program of one of the Python environments that the set-up makes. Panics when it is not there.
pub(crate) fn python(environment: &str, program: impl AsRef<OsStr>) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = root.join(environment).join("bin").join(program.as_ref());
    assert!(path.exists(), "{} is missing: tests/setup/install makes it", path.display());
    path
}

/// The body that a GET answers with, if the answer is a success.
pub(crate) fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}
