//! Servers of others, which the server under test asks.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Longest body of a question that is read, in bytes.
const BODY_MAX: u64 = 1 << 20;

/// A web server on a free port of this machine that answers what it was told to.
pub struct Peer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    asked: Mutex<Vec<(String, String)>>,
}

/// What a peer answers.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Further headers, each with its end of line.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
    /// How long it takes.
    pub after: Duration,
}

impl Reply {
    /// An answer at once.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: String::new(), body: body.into(), after: Duration::ZERO }
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::new(200, body.to_string())
    }
}

impl Peer {
    /// A peer that answers everything with 404.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let shared = Arc::new(Shared::default());
        let answering = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&answering);
                // Whoever asks may leave before the answer is whole.
                std::thread::spawn(move || shared.answer(stream).unwrap_or_default());
            }
        });
        Self { port, shared }
    }

    /// Where a path of it is.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its entry in a list of hosts that may be asked.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Lets it answer this at a path from now on.
    pub fn answers(&self, path: &str, reply: impl Into<Reply>) {
        self.shared.replies.lock().expect("no test broke here").insert(path.to_owned(), reply.into());
    }

    /// The bodies of the questions that it got at a path so far.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let asked = self.shared.asked.lock().expect("no test broke here");
        asked.iter().filter(|(at, _)| at == path).map(|(_, body)| body.clone()).collect()
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = String::new();
        reader.by_ref().take(BODY_MAX.min(length)).read_to_string(&mut body)?;
        self.asked.lock().expect("no test broke here").push((path.clone(), body));
        let told = self.replies.lock().expect("no test broke here").get(&path).cloned();
        let Reply { status, headers, body, after } = told.unwrap_or_else(|| Reply::new(404, ""));
        std::thread::sleep(after);
        let mut stream = reader.into_inner();
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n")?;
        stream.write_all(&body)
    }
}
