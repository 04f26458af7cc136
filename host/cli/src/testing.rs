//! What tests of commands need: a folder, a screen, and a server that answers what it is told to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::environment::Environment;
use crate::terminal::Terminal;

/// A folder of its own for one test; it goes with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("innkeeper-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a command has written.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    output: Shared,
    errors: Shared,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    pub(crate) fn output(&self) -> String {
        String::from_utf8(self.output.0.borrow().clone()).unwrap()
    }

    pub(crate) fn errors(&self) -> String {
        String::from_utf8(self.errors.0.borrow().clone()).unwrap()
    }
}

/// A terminal with this on standard input; whoever is asked answers with the lines of it, one by one.
pub(crate) fn terminal(input: &str) -> (Terminal, Screen) {
    let screen = Screen::default();
    let mut answers: VecDeque<String> = input.lines().map(str::to_owned).collect();
    let ask = move |_: &str| answers.pop_front().ok_or_else(|| io::Error::other("nobody is there"));
    let terminal = Terminal::new(
        Box::new(Cursor::new(input.to_owned())),
        Box::new(screen.output.clone()),
        Box::new(screen.errors.clone()),
        Box::new(ask),
    );
    (terminal, screen)
}

/// A request as a server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `LIST /v1/a?b=c`
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// A server that gives the answers that it was told, one by one, and keeps what it was asked.
pub(crate) struct Stub {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) home: Folder,
}

impl Stub {
    /// Each answer is a status and a body; the last one is given again and again.
    pub(crate) fn answering(answers: &[(u16, &str)]) -> Self {
        let with = |&(status, body): &(u16, &str)| (status, String::new(), body.to_owned());
        Self::serve(answers.iter().map(with).collect())
    }

    /// The same with lines of headers.
    pub(crate) fn serve(answers: VecDeque<(u16, String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let incoming = std::iter::repeat_with(move || listener.accept().unwrap().0);
        Self { address, seen: served(incoming, answers), home: Folder::new() }
    }

    /// The same at a file.
    pub(crate) fn at_file(answers: &[(u16, &str)]) -> Self {
        let home = Folder::new();
        let file = home.path().join("socket");
        let listener = UnixListener::bind(&file).unwrap();
        let incoming = std::iter::repeat_with(move || listener.accept().unwrap().0);
        let answers = answers.iter().map(|&(status, body)| (status, String::new(), body.to_owned())).collect();
        Self { address: format!("unix://{}", file.display()), seen: served(incoming, answers), home }
    }

    /// Runs a command against it, with a token, and this on standard input: how it ended and what it wrote.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> (u8, Screen) {
        self.run_with(arguments, input, &[("VAULT_TOKEN", "s.mine")])
    }

    /// The same with these variables instead of a token.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> (u8, Screen) {
        let variables = [&[("VAULT_ADDR", self.address.as_str())], variables].concat();
        let environment = Environment::of(&variables, Some(self.home.path().to_owned()));
        run(arguments, input, environment)
    }

    /// What a command finds that is to ask it, with a token.
    pub(crate) fn environment(&self) -> Environment {
        let variables = [("VAULT_ADDR", self.address.as_str()), ("VAULT_TOKEN", "s.mine")];
        Environment::of(&variables, Some(self.home.path().to_owned()))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The lines of all requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

/// Answers whoever comes, one by one; what was asked.
fn served<S: Read + Write>(
    incoming: impl Iterator<Item = S> + Send + 'static,
    mut answers: VecDeque<(u16, String, String)>,
) -> Arc<Mutex<Vec<Seen>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in incoming {
            let Some(request) = request(&mut stream) else { continue };
            kept.lock().unwrap().push(request);
            let (status, headers, body) =
                if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    seen
}

/// The command line as the binary reads it.
#[derive(clap::Parser)]
#[command(name = "innkeeper")]
struct Arguments {
    #[command(subcommand)]
    command: crate::Command,
}

pub(crate) fn parse(arguments: &[&str]) -> Result<crate::Command, clap::Error> {
    use clap::{CommandFactory, FromArgMatches};
    let all = ["innkeeper"].iter().chain(arguments).map(std::ffi::OsString::from);
    let matches = crate::grouped(Arguments::command()).try_get_matches_from(crate::normalise(all));
    let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    arguments.map(|arguments| arguments.command).map_err(crate::refused)
}

fn run(arguments: &[&str], input: &str, environment: Environment) -> (u8, Screen) {
    let (mut terminal, screen) = terminal(input);
    let command = parse(arguments).unwrap_or_else(|error| panic!("{error}"));
    let exit = crate::run_in(&command, &environment, &mut terminal, <Arguments as clap::CommandFactory>::command);
    (exit, screen)
}

fn request(stream: &mut impl Read) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let line = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    (!line.is_empty()).then(|| Seen { line, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}
