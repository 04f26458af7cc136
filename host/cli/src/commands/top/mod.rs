//! `engine top`: what engines use, round by round.

mod counts;
mod rates;

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use self::counts::Counts;
use self::rates::Rates;
use crate::Error;
use crate::client::Ask;
use crate::input::duration;
use crate::output::Format;
use crate::session::{Act, Exit, Session, WELL};

/// Where the server says what it counted.
const METRICS: &str = "sys/metrics";
/// Shortest and longest time between two rounds.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// Shows what engines use, the busiest first, until it is interrupted.
#[derive(Debug, clap::Args)]
pub struct Top {
    /// How long each round looks, from 1s to 1h.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub interval: String,
    /// How many rounds to show; without it there is no end.
    #[arg(short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
}

impl Act for Top {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        if !matches!(session.format, Format::Table | Format::Json) {
            return Err(Error::Usage(
                "-format (VAULT_FORMAT) must be table or json: each round is shown for itself".into(),
            ));
        }
        let interval = duration(&self.interval).filter(|interval| (INTERVAL.0..=INTERVAL.1).contains(interval));
        let interval = interval.ok_or_else(|| {
            Error::Usage(format!("-interval must be from 1s to 1h, as in 2s, and is {:?}", self.interval))
        })?;
        let mut before = look(session)?;
        let mut round = 0;
        while self.rounds.is_none_or(|rounds| round < rounds) {
            round += 1;
            sleep(interval);
            let now = look(session)?;
            show(session, &Rates::between(&before.counts, &now.counts, now.at - before.at))?;
            before = now;
        }
        Ok(WELL)
    }
}

/// What a server had counted at some moment.
struct Look {
    counts: Counts,
    at: Instant,
}

fn look(session: &Session<'_>) -> Result<Look, Error> {
    let ask = Ask::get(METRICS).query([("format".to_owned(), "prometheus".to_owned())]).for_us();
    let answer = session.client.ask(&ask).map_err(|error| error.during("reading what engines use"))?;
    let at = Instant::now();
    Ok(Look { counts: Counts::read(&answer.body)?, at })
}

/// A round as people like it, alone on a terminal; to programs a line.
fn show(session: &mut Session<'_>, rates: &Rates) -> Result<(), Error> {
    if session.format == Format::Json {
        return session.terminal.line(&json!({ "engines": rates.json() }).to_string());
    }
    session.terminal.clear()?;
    session.terminal.line(&rates.table())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::session::Asking;
    use crate::testing::{Screen, Stub, terminal};

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        top: Asking<Top>,
    }

    fn run(stub: &Stub, arguments: &[&str]) -> (u8, Screen) {
        let all = ["top"].iter().chain(arguments).map(std::ffi::OsString::from);
        let whole = Whole::try_parse_from(crate::normalise(all)).unwrap();
        let (mut terminal, screen) = terminal("");
        let exit = crate::top_in(&whole.top, &stub.environment(), &mut terminal);
        (exit, screen)
    }

    fn said(calls: u32, busy: f64) -> String {
        format!(
            "# TYPE innkeeper_engine_calls counter\n\
             innkeeper_engine_calls_total{{engine=\"pki\",outcome=\"answered\"}} {calls}\n\
             # TYPE innkeeper_engine_busy_seconds histogram\n\
             innkeeper_engine_busy_seconds_sum{{engine=\"pki\"}} {busy}\n\
             innkeeper_engine_calls_total{{engine=\"kv\",outcome=\"answered\"}} 7\n"
        )
    }

    #[test]
    fn rounds_show_what_was_used_between_two_looks() {
        let (first, second) = (said(10, 1.0), said(30, 1.5));
        let stub = Stub::answering(&[(200, &first), (200, &second)]);
        let (exit, screen) = run(&stub, &["-interval=1s", "-n=1"]);
        let shown = screen.output();
        assert_eq!(exit, 0, "{}", screen.errors());
        assert_eq!(stub.lines(), ["GET /v1/sys/metrics?format=prometheus"; 2]);
        assert_eq!(stub.seen()[0].header("x-vault-token"), Some("s.mine"));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("Engine    Requests/s"), "{shown}");
        // The busiest first; about 20 in about a second.
        assert!(lines[2].starts_with("pki ") && lines[3].starts_with("kv "), "{shown}");
        assert!(!shown.contains('\u{1b}'), "this is no terminal: {shown}");
    }

    #[test]
    fn programs_get_a_line_of_json_for_each_round() {
        let stub = Stub::answering(&[(200, &said(10, 1.0))]);
        let (exit, screen) = run(&stub, &["-interval=1s", "-n=2", "-format=json"]);
        assert_eq!(exit, 0, "{}", screen.errors());
        let rounds: Vec<serde_json::Value> =
            screen.output().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rounds.len(), 2);
        assert_eq!(rounds[1]["engines"][1]["engine"], "pki");
        assert_eq!(rounds[1]["engines"][1]["requests_per_second"], 0.0);
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
        let stub = Stub::answering(&[(200, "")]);
        for wrong in ["-interval=0s", "-interval=2h", "-interval=soon", "-format=yaml"] {
            let (exit, screen) = run(&stub, &[wrong, "-n=1"]);
            assert_eq!(exit, 1, "{wrong}");
            assert!(screen.errors().contains("must be"), "{}", screen.errors());
        }
        assert!(stub.seen().is_empty());
        assert!(Whole::try_parse_from(["top", "-n=0"]).is_err());
    }

    #[test]
    fn a_server_that_says_no_is_repeated() {
        let stub = Stub::answering(&[(403, "{\"errors\":[\"permission denied\"]}")]);
        let (exit, screen) = run(&stub, &["-n=1"]);
        assert_eq!(exit, 2);
        assert!(screen.errors().contains("reading what engines use"), "{}", screen.errors());
        assert!(screen.errors().contains("permission denied"));
    }
}
