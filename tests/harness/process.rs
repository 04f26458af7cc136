//! The binary as its operator sees it: options, output, log, signals, sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{Folder, binary};

/// Longest that a test waits for bytes of a server.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A running server; it ends with the value.
pub struct Process {
    process: Child,
    addresses: Vec<String>,
    said: String,
    folder: Folder,
}

impl Process {
    /// Starts `innkeeper server` with these options and waits until it says where it listens.
    pub fn launch(options: &[&str]) -> Self {
        Self::launch_with(options, &[])
    }

    /// The same with more environment variables.
    pub fn launch_with(options: &[&str], environment: &[(String, String)]) -> Self {
        let mut command = Command::new(binary());
        command.arg("server").args(options).envs(environment.iter().map(|(name, value)| (name, value)));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let folder = Folder::new();
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the server starts");
        let lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let (mut addresses, mut said) = (Vec::new(), String::new());
        for line in lines.map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            if let Some((_, rest)) = line.split_once("VAULT_ADDR='") {
                addresses.push(rest.trim_end_matches('\'').to_owned());
            }
            if line.starts_with("==> Ready") {
                break;
            }
        }
        let process = Self { process, addresses, said, folder };
        assert!(!process.addresses.is_empty(), "the server does not say where it listens: {}", process.log());
        process
    }

    /// Starts it with a configuration of this text, and more options.
    pub fn configured(text: &str, options: &[&str]) -> Self {
        Self::configured_with(text, options, &[])
    }

    /// The same with more environment variables.
    pub fn configured_with(text: &str, options: &[&str], environment: &[(String, String)]) -> Self {
        let folder = Folder::new();
        let config = format!("-config={}", folder.write("innkeeper.hcl", text));
        Self::launch_with(&[&[config.as_str()][..], options].concat(), environment)
    }

    /// Starts it with a configuration of this text so that files that grow over the limit of [`Self::limit_files`] are
    /// refused to it, as on a full disk, instead of ending it.
    pub fn on_a_small_disk(text: &str) -> Self {
        let folder = Folder::new();
        let config = format!("-config={}", folder.write("innkeeper.hcl", text));
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(binary()).args(["server", &config]);
        Self::spawn(command)
    }

    /// Lets no file of it grow over so many bytes; none: as it likes.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let (process, soft) = (self.pid().to_string(), format!("--fsize={limit}:"));
        let set = Command::new("prlimit").args(["--pid", &process, &soft]).status().expect("there is a prlimit");
        assert!(set.success(), "the limit can be set");
    }

    /// Where its first listener listens, for instance `http://127.0.0.1:34567`.
    pub fn address(&self) -> &str {
        &self.addresses[0]
    }

    /// Where all of them do.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What it printed when it started.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// A line of what it printed, from after these words to its end or to an apostrophe.
    pub fn said_after(&self, words: &str) -> &str {
        let (_, rest) = self.said.split_once(words).expect("the server says this");
        rest.split(['\n', '\'']).next().unwrap_or_default()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A connection to its first listener, without TLS.
    pub fn connect(&self) -> TcpStream {
        let (_, address) = self.address().split_once("://").expect("a scheme");
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(WAIT_MAX)).expect("a timeout");
        stream
    }

    /// Sends these bytes over a connection of their own and reads until the server closes it.
    pub fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may refuse before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop, as an operator's `kill` does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal of this name.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits until it has ended; `None` if it did not within this time.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if let Some(status) = self.process.try_wait().expect("a process can be waited for") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal of this name to the server with this number.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status();
    assert!(sent.expect("there is a shell").success(), "the server is already gone");
}

/// Runs the binary with these arguments until it ends by itself.
pub fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[])
}

/// The same with more environment variables.
pub fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(binary()).args(arguments).envs(environment.iter().copied()).output().expect("the binary runs")
}

/// Runs curl; what it prints, with the status and the version of HTTP on a last line, as in `{…} 200 2`.
pub fn curl(arguments: &[&str]) -> String {
    let fixed = ["-sS", "--max-time", "20", "-w", " %{http_code} %{http_version}"];
    let output = Command::new("curl").args(fixed).args(arguments).output().expect("there is a curl");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
