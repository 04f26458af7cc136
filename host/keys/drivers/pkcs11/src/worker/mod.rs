//! The inside of a worker process: it loads one library and does in it what the server asks.
//!
//! It is the same binary as the server, started by exec with one argument. Everything else comes through the
//! descriptors: 0 is what the server says, 1 is where answers go, 2 is for the log.

mod confine;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keys::Error;
use keys::registry::Pkcs11Provider;
use tokio::time::Instant;

use crate::local::{Caller, Local};
use crate::wire::message::{FromWorker, Hello, ToWorker};
use crate::wire::refusal::Refusal;
use crate::wire::{self, ANSWER_MAX, Frames, REQUEST_MAX, Read1};
use crate::work::Answer;

/// The argument that makes the binary a worker.
pub(crate) const ARGUMENT: &str = "pkcs11-worker";
/// Longest time that the server may leave for a question.
const LEFT_MAX: Duration = Duration::from_secs(3600);

/// Serves as the worker process of a library if the command line (with the program's name) says so, and answers how
/// that ended; `None` for any other command line. To be called before anything else: the process must have one thread
/// and no descriptors of its own.
pub fn worker(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != ARGUMENT || arguments.next().is_some() {
        return None;
    }
    Some(match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the way into the server's log.
            let _ = writeln!(io::stderr(), "ERROR the worker ends: {error}");
            ExitCode::FAILURE
        }
    })
}

fn serve() -> io::Result<()> {
    let ends = confine::begin()?;
    let (input, output) = (UnixStream::from(ends.input), UnixStream::from(ends.output));
    if input.peer_addr().and_then(|_| output.peer_addr()).is_err() {
        return Err(io::Error::other("this is started by the server, not by hand"));
    }
    let _ = tracing_subscriber::fmt()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(io::stderr)
        .try_init();
    let out = Arc::new(Out(Mutex::new(output)));
    let mut frames = Frames::new(input, REQUEST_MAX);
    let hello = match frames.next()? {
        Read1::Message(ToWorker::Hello(hello)) => hello,
        Read1::End => return Ok(()),
        _ => return Err(io::Error::other("the server did not say hello")),
    };
    let mut worker = Worker::new(hello, &out)?;
    loop {
        match frames.next()? {
            Read1::Message(ToWorker::Close) => {
                worker.local.close();
                return out.send(&FromWorker::Closed);
            }
            Read1::Message(message) => worker.take(message)?,
            Read1::Waiting => {}
            Read1::End => {
                worker.local.close();
                return Ok(());
            }
        }
    }
}

struct Worker {
    local: Local,
    tokens: HashMap<u32, Pkcs11Provider>,
    out: Arc<Out>,
}

impl Worker {
    fn new(hello: Hello, out: &Arc<Out>) -> io::Result<Self> {
        if hello.version != wire::VERSION {
            return Err(io::Error::other("the server speaks another version"));
        }
        confine::bound(hello.bounds)?;
        let local = Local::new(hello.name, hello.path, hello.parameters, hello.keys_for_every_use);
        out.send(&FromWorker::Ready { version: wire::VERSION })?;
        Ok(Self { local, tokens: HashMap::new(), out: Arc::clone(out) })
    }

    fn take(&mut self, message: ToWorker) -> io::Result<()> {
        match message {
            ToWorker::Open { number, provider } => drop(self.tokens.insert(number, provider)),
            ToWorker::Ask { id, number, left, work } => {
                let asked = Box::new(Asked { id, out: Some(Arc::clone(&self.out)) });
                match self.tokens.get(&number) {
                    Some(token) => self.local.enqueue(token, work, Instant::now() + left.min(LEFT_MAX), asked),
                    None => asked.answer(Err(Error::Internal("the server named a token that is not open".into()))),
                }
            }
            ToWorker::Forget { number } => {
                if let Some(token) = self.tokens.remove(&number) {
                    self.local.forget(&token);
                }
            }
            ToWorker::ForgetAll => {
                self.tokens.clear();
                self.local.forget_all();
            }
            ToWorker::Ping => return self.out.send(&FromWorker::Pong { hangs: self.local.hangs() }),
            ToWorker::Hello(_) | ToWorker::Close => return Err(io::Error::other("a message out of turn")),
        }
        Ok(())
    }
}

/// The way to the server, shared by all threads.
struct Out(Mutex<UnixStream>);

impl Out {
    fn send(&self, message: &FromWorker) -> io::Result<()> {
        let framed = wire::frame(message, ANSWER_MAX)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&framed)
    }

    fn answer(&self, id: u64, outcome: Result<Answer, Error>) {
        let answer = FromWorker::Answer { id, outcome: outcome.map_err(Refusal::from) };
        let sent = self.send(&answer).or_else(|_| {
            // Longer than any sensible answer, or the server is gone: then this fails too.
            let garbage = Err(Refusal::Internal("the token's answer is too long".into()));
            self.send(&FromWorker::Answer { id, outcome: garbage })
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "an answer could not be sent");
        }
    }
}

/// A question of the server, which is answered once, also when the thread that works on it panics.
struct Asked {
    id: u64,
    out: Option<Arc<Out>>,
}

impl Caller for Asked {
    fn waits(&self) -> bool {
        true
    }

    fn answer(mut self: Box<Self>, outcome: Result<Answer, Error>) {
        if let Some(out) = self.out.take() {
            out.answer(self.id, outcome);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            out.answer(self.id, Err(Error::unavailable("a thread of the library died")));
        }
    }
}
