//! Starting a worker process and listening to it until it ends.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use super::connection::Connection;
use super::lines;
use super::outbox::Outbox;
use crate::settings::INHERITED;
use crate::wire::message::{FromWorker, Hello, ToWorker};
use crate::wire::{self, ANSWER_MAX, Frames, Read1};
use crate::worker::ARGUMENT;

/// How often a worker is looked after.
const TICK: Duration = Duration::from_millis(500);
/// How long a worker may take to say that it is ready. No library is loaded yet.
const READY_MAX: Duration = Duration::from_secs(10);
/// How long a worker may take to say that it is there.
const HEARTBEAT_MAX: Duration = Duration::from_secs(5);
/// How often a worker that has nothing to do is asked.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a worker may take to end its sessions. It waits 5 seconds for calls.
const CLOSE_MAX: Duration = Duration::from_secs(6);

/// A process that is to be a worker. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    frames: Frames<UnixStream>,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.connection.die();
        // Both fail for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a worker for a library. It dies with the thread that calls this: so that thread must stay with it.
    pub(super) fn start(shared: &Shared) -> io::Result<Self> {
        let (questions, its_questions) = UnixStream::pair()?;
        let (answers, its_answers) = UnixStream::pair()?;
        answers.set_read_timeout(Some(TICK))?;
        let (log, its_log) = io::pipe()?;
        let mut command = command(shared);
        command.stdin(OwnedFd::from(its_questions)).stdout(OwnedFd::from(its_answers)).stderr(its_log);
        let outbox = Outbox::new(questions)?;
        let child = command.spawn().inspect_err(|_| outbox.close())?;
        // It holds our copies of the worker's ends: the worker's must be the only ones.
        drop(command);
        let connection = Arc::new(Connection::new(outbox));
        let mut process = Self { child, frames: Frames::new(answers, ANSWER_MAX), connection };
        listen_to(shared, log)?;
        process.greet(shared)?;
        Ok(process)
    }

    /// The process's number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn greet(&mut self, shared: &Shared) -> io::Result<()> {
        self.connection.tell(&ToWorker::Hello(Hello {
            version: wire::VERSION,
            name: shared.name.clone(),
            path: shared.path.clone(),
            parameters: shared.settings.parameters.clone(),
            keys_for_every_use: shared.settings.keys_for_every_use,
            bounds: shared.settings.bounds,
        }));
        let until = Instant::now() + READY_MAX;
        while Instant::now() < until {
            match self.frames.next()? {
                Read1::Message(FromWorker::Ready { version: wire::VERSION }) => return Ok(()),
                Read1::Waiting => {}
                Read1::End => return Err(io::Error::other(self.obituary())),
                Read1::Message(_) => return Err(io::Error::other("it speaks another language")),
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "it did not say that it is ready"))
    }

    /// Listens until the worker ends, or must be ended; answers why.
    pub(super) fn attend(&mut self, shared: &Shared) -> String {
        let mut pulse = Pulse { looked: Instant::now(), asked: None, heard: Instant::now(), closing: None };
        loop {
            match self.frames.next() {
                Ok(Read1::Message(FromWorker::Answer { id, outcome })) => self.connection.answer(id, outcome),
                Ok(Read1::Message(FromWorker::Pong { hangs: true })) => return "calls hang in the library".into(),
                Ok(Read1::Message(FromWorker::Pong { hangs: false })) => {
                    (pulse.asked, pulse.heard) = (None, Instant::now());
                }
                Ok(Read1::Message(FromWorker::Closed)) => return "it was closed".into(),
                Ok(Read1::Message(FromWorker::Ready { .. })) => return "it spoke out of turn".into(),
                Ok(Read1::Waiting) => {}
                Ok(Read1::End) => return self.obituary(),
                Err(error) => return format!("it speaks garbage: {error}"),
            }
            if pulse.looked.elapsed() >= TICK
                && let Some(why) = pulse.feel(&self.connection, shared)
            {
                return why.into();
            }
        }
    }

    /// What ended it.
    fn obituary(&mut self) -> String {
        // It has hung up; whatever it still does is not waited for.
        let until = Instant::now() + TICK;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return format!("it ended: {status}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        "it hung up".into()
    }
}

/// Signs of life.
struct Pulse {
    looked: Instant,
    asked: Option<Instant>,
    heard: Instant,
    closing: Option<Instant>,
}

impl Pulse {
    /// Looks after a worker; answers why it must be ended.
    fn feel(&mut self, connection: &Connection, shared: &Shared) -> Option<&'static str> {
        self.looked = Instant::now();
        if shared.is_closing() {
            let since = *self.closing.get_or_insert_with(Instant::now);
            return (since.elapsed() > CLOSE_MAX).then_some("it did not close in time");
        }
        match self.asked {
            Some(at) if at.elapsed() > HEARTBEAT_MAX => return Some("it gives no sign of life"),
            Some(_) => {}
            None if connection.is_busy() || self.heard.elapsed() > IDLE_HEARTBEAT => {
                connection.tell(&ToWorker::Ping);
                self.asked = Some(Instant::now());
            }
            None => {}
        }
        None
    }
}

fn command(shared: &Shared) -> Command {
    let mut command = Command::new(&shared.program.0);
    command.arg(ARGUMENT).env_clear().current_dir("/");
    let inherited = INHERITED.iter().copied().chain(shared.settings.inherit.iter().map(String::as_str));
    for name in inherited {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(&shared.settings.environment);
    // A signal to the server's group, as from a terminal, is not for the worker: the server closes it in order.
    command.process_group(0);
    command
}

fn listen_to(shared: &Shared, log: PipeReader) -> io::Result<()> {
    let name = shared.name.clone();
    std::thread::Builder::new().name("p11-log".into()).spawn(move || lines::pass_on(&name, log)).map(drop)
}
