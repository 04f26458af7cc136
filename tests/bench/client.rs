//! A load generator that is cheap: one thread and one kept connection per client, requests made once, answers read no
//! further than needed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::Process;

/// The root token of servers that benchmarks start.
pub(crate) const TOKEN: &str = "bench";

/// The options of a development server on a free port, quiet.
pub(crate) const DEVELOPMENT: &[&str] =
    &["-dev", "-dev-no-store-token", "-log-level=warn", "-dev-listen-address=127.0.0.1:0", "-dev-root-token-id=bench"];

/// Such a server.
pub(crate) fn server() -> Process {
    Process::launch(DEVELOPMENT)
}

/// Longest time until an answer: longer than a server lets a request take.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// One client with its connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How long the last answer is.
    filled: usize,
}

impl Client {
    pub(crate) fn new(server: &Process) -> Self {
        let stream = server.connect();
        stream.set_nodelay(true).expect("a connection without delays");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a connection that waits");
        Self { stream, buffer: vec![0; 64 << 10], filled: 0 }
    }

    /// The same with little memory of its own: for small answers.
    pub(crate) fn lean(server: &Process) -> Self {
        Self { buffer: vec![0; 4096], ..Self::new(server) }
    }

    /// Sends a request as [`request`] made it; says the status of the answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).expect("the server reads");
        self.filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[self.filled..]).expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            self.filled += read;
            if whole_length(&self.buffer[..self.filled]).is_some_and(|whole| self.filled >= whole) {
                let status = std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|text| text.parse().ok());
                return status.expect("a status line");
            }
        }
    }
}

impl Client {
    /// The last answer, or the beginning of it.
    fn answer(&self) -> String {
        String::from_utf8_lossy(&self.buffer[..self.filled]).into_owned()
    }
}

/// The length of head and body, once the head is complete.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + length.unwrap_or(0))
}

/// A whole request with the root token.
pub(crate) fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    request_as(TOKEN, method, path, body)
}

/// The same with this token.
pub(crate) fn request_as(token: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} /v1/{path} HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: {token}\r\n{length}\r\n{body}").into_bytes()
}

/// Sends one request over and over from this many clients for this long; says how many were answered with success.
pub(crate) fn load(server: &Process, clients: usize, request: &[u8], time: Duration) -> u64 {
    load_each(server, clients, &|_| request.to_vec(), time)
}

/// The same where each client sends a request of its own.
pub(crate) fn load_each(
    server: &Process,
    clients: usize,
    request: &(dyn Fn(usize) -> Vec<u8> + Sync),
    time: Duration,
) -> u64 {
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..clients)
            .map(|number| {
                scope.spawn(move || {
                    let (mut client, mut answered) = (Client::new(server), 0);
                    let request = request(number);
                    while Instant::now() < until {
                        let status = client.send(&request);
                        assert!(matches!(status, 200 | 204), "{}", client.answer());
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        running.into_iter().map(|client| client.join().expect("a client")).sum()
    })
}

/// Microseconds of each of so many requests over one connection, in order of their lengths, all answered with one of these
/// statuses. Making a request does not count.
pub(crate) fn times(server: &Process, count: u64, right: &[u16], request: &dyn Fn(u64) -> Vec<u8>) -> Vec<f64> {
    let mut client = Client::new(server);
    let mut times: Vec<f64> = (0..count)
        .map(|number| {
            let request = request(number);
            let started = Instant::now();
            let status = client.send(&request);
            assert!(right.contains(&status), "{status}");
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}
