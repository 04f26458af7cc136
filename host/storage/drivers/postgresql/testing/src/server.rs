//! The running server and the processes it is made of.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::programs::{Runner, output};

/// How long a server may take to begin or end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server(Child);

impl Server {
    /// Starts and waits until it answers; `None` if it ended at once, as when another took the port.
    pub(crate) fn start(runner: Runner, programs: &Path, folder: &Path, port: u16) -> Option<Self> {
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
        let mut command = runner.command(&programs.join("postgres"));
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).arg("-p").arg(port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("postgres starts");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if child.try_wait().expect("a child's state").is_some() {
                return None;
            }
            // The server writes its state into the last line of this file.
            let state = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
            let own = state.lines().next() == Some(&child.id().to_string());
            if own && state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Some(Self(child));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(Self(child));
        panic!("PostgreSQL did not begin: {}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
    }

    /// Ends it with a signal: `INT` ends connections and writes everything down, `QUIT` leaves it as after a crash.
    pub(crate) fn end(mut self, how: &str) {
        signal(how, &[self.0.id()]);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.0.try_wait().expect("a child's state").is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("PostgreSQL did not end");
    }

    /// The server and what it has started, the server first.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut found = vec![self.0.id()];
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // After the name in parentheses: the state, then the parent.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
            if parent == Some(self.0.id()) {
                found.push(id);
            }
        }
        found
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let processes = self.processes();
            signal("CONT", &processes);
            signal("QUIT", &processes[..1]);
            let _ = self.0.wait();
        }
    }
}

pub(crate) fn signal(name: &str, processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    // A process that has just ended is no failure.
    let _ = Command::new("kill").arg(format!("-{name}")).args(ids).stderr(Stdio::null()).status();
}

/// A process that waits for this one to end, then ends the server and removes the folder. It notices by its standard
/// input, which nobody else holds: so that servers in statics, which are never dropped, do not outlive their test.
pub(crate) fn watch(folder: &Path) -> Child {
    let script = r#"cat >/dev/null
        test -d "$1" || exit 0
        main=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
        test -z "$main" || { pkill -CONT -P "$main"; kill -CONT "$main"; kill -QUIT "$main"; } 2>/dev/null
        for turn in $(seq 100); do kill -0 "$main" 2>/dev/null || break; sleep 0.1; done
        rm -rf "$1""#;
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", script, "sh"]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the watcher starts")
}

/// Runs a program of PostgreSQL against the server and gives what it printed.
pub(crate) fn client(
    programs: &Path,
    program: &str,
    folder: &Path,
    port: u16,
    password: &str,
    args: &[&str],
) -> String {
    let mut command = Command::new(programs.join(program));
    command.env("PGPASSWORD", password).env("PGHOST", folder).env("PGPORT", port.to_string());
    output(command.env("PGUSER", "postgres").args(args))
}
