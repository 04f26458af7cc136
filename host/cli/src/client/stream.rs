//! Bodies that are too long for memory: snapshots.

use std::io::Read;
use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::http::{Method, Response};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, SendBody};

use super::{Answer, Ask, CONNECT_MAX, Client, config, url};
use crate::Error;
use crate::connection::Told;

/// Longest time that a server may say nothing while it sends, or take nothing while it is sent to.
const SILENCE_MAX: Duration = Duration::from_secs(150);
/// Longest wait for an answer to what was sent completely.
const ANSWER_MAX: Duration = Duration::from_secs(3600);
/// Most bytes that are read of an error.
const ERROR_MAX: u64 = 64 * 1024;

type Config = ConfigBuilder<AgentScope>;

impl Client {
    /// Asks for something long: its body is read by the caller, for as long as it comes.
    pub(crate) fn download(&self, path: &str) -> Result<Response<Body>, Error> {
        self.tell(&Ask::get(path).for_us())?;
        let agent = self.patient(|config| config.timeout_per_read(Some(SILENCE_MAX)))?;
        let address = url::asked(self.settings(), path, &[]);
        let request = self.request(Method::GET, &address, true)?.body(()).map_err(|error| self.unusable(&error))?;
        self.streamed(&Method::GET, &address, agent.run(request))
    }

    /// Sends something long, once the server has agreed to take it.
    pub(crate) fn upload(&self, path: &str, size: u64, mut body: impl Read) -> Result<(), Error> {
        if self.settings().told == Some(Told::Curl) {
            let text = "-output-curl-string: a file that is sent is no word of a command line: use -output-policy only";
            return Err(Error::Usage(text.into()));
        }
        self.tell(&Ask::put_nothing(path).for_us())?;
        let agent = self.patient(|config| {
            let sending = config.timeout_per_write(Some(SILENCE_MAX)).timeout_await_100(Some(CONNECT_MAX));
            sending.timeout_recv_response(Some(ANSWER_MAX))
        })?;
        let address = url::asked(self.settings(), path, &[]);
        let request = self.request(Method::POST, &address, true)?;
        let request = request.header("Expect", "100-continue").header("Content-Length", size);
        let request = request.header("Content-Type", "application/octet-stream");
        let request = request.body(SendBody::from_reader(&mut body)).map_err(|error| self.unusable(&error))?;
        self.streamed(&Method::POST, &address, agent.run(request)).map(drop)
    }

    fn patient(&self, with: impl FnOnce(Config) -> Config) -> Result<Agent, Error> {
        url::agent(with(config(&self.tls, self.settings())).build(), self.settings())
    }

    fn streamed(
        &self,
        method: &Method,
        address: &str,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Error> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let body = answer.body_mut().with_config().limit(ERROR_MAX).read_to_vec().unwrap_or_default();
        Err(self.refused(method, address, status, &Answer::new(body), None))
    }
}
