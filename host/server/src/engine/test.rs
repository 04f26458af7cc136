//! `engine test`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::Value;

use super::inspect::columns;
use super::requests::{self, Expect, Request};
use super::setting::Setting;
use super::stage::{Answer, Stage};
use super::{Error, LOG, block_on, compare, component, visible};
use crate::log;

/// Longest piece of an answer that is shown where it is not what was expected, in characters.
const SHOWN_MAX: usize = 2000;

/// Runs requests through a component.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// The component, or a module that one can be made of.
    pub file: PathBuf,
    /// A JSON list of requests: {"method", "path", "body", "expect": {"status", "data", "errors"}}. Paths are below the
    /// mount; with a leading "/" they are any of the API's, for instance /sys/mounts.
    #[arg(long, value_name = "FILE")]
    pub requests: PathBuf,
    /// Where to mount it; at its name by default.
    #[arg(long, value_name = "PATH")]
    pub mount: Option<String>,
    /// Keys and configuration.
    #[command(flatten)]
    pub setting: Setting,
}

/// A request that was run, and what was wrong with its answer.
struct Ran {
    method: String,
    path: String,
    answer: Answer,
    wrong: Vec<String>,
}

impl Test {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<bool, Error> {
        let requests = requests::read(&self.requests)?;
        let component = component::read(&self.file)?;
        log::start(LOG, "standard", io::stderr);
        let (config, token) = self.setting.prepare()?;
        let ran = block_on(async {
            let stage = Stage::open(config, None).await?;
            let with = (&self.setting, token.as_ref());
            let ran = match stage.mount(&component, self.mount.as_deref(), with).await {
                Ok(mounted) => all(&stage, &mounted.path, requests).await,
                Err(error) => Err(error),
            };
            stage.house.close().await;
            ran
        })?;
        out.write_all(visible(&told(&ran)).as_bytes())?;
        Ok(ran.iter().all(|ran| ran.wrong.is_empty()))
    }
}

async fn all(stage: &Stage, mount: &str, requests: Vec<Request>) -> Result<Vec<Ran>, Error> {
    let mut ran = Vec::new();
    for request in requests {
        let path = request.below(mount);
        let body = request.body.map(Value::Object);
        let answer = stage.ask(&request.method, &path, body.as_ref()).await?;
        let wrong = wrong(&request.expect, &answer);
        ran.push(Ran { method: request.method, path, answer, wrong });
    }
    Ok(ran)
}

/// What is not as expected.
fn wrong(expect: &Expect, answer: &Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    match expect.status {
        Some(status) if status != answer.status => {
            wrong.push(format!("status: expected {status}, got {}", answer.status))
        }
        None if !(200..300).contains(&answer.status) => {
            wrong.push(format!("status: expected 200 to 299, got {}", answer.status));
        }
        _ => {}
    }
    if let Some(data) = &expect.data {
        wrong.extend(compare::differences("data", data, &answer.json["data"]));
    }
    let errors: Vec<&str> = answer.json["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for text in &expect.errors {
        if !errors.iter().any(|error| error.contains(text.as_str())) {
            wrong.push(format!("errors: expected one with {text:?}, got {errors:?}"));
        }
    }
    wrong
}

/// The table, what was wrong below it, and the count.
fn told(ran: &[Ran]) -> String {
    let row = |(at, ran): (usize, &Ran)| {
        let verdict = if ran.wrong.is_empty() { "ok" } else { "FAILED" };
        [format!("{}", at + 1), ran.method.clone(), ran.path.clone(), ran.answer.status.to_string(), verdict.to_owned()]
    };
    let mut text = columns(ran.iter().enumerate().map(row));
    for (at, ran) in ran.iter().enumerate().filter(|(_, ran)| !ran.wrong.is_empty()) {
        text += &format!("\n{}: {} {}\n", at + 1, ran.method, ran.path);
        ran.wrong.iter().for_each(|wrong| text += &format!("  {wrong}\n"));
        let answer: String = ran.answer.text.trim().chars().take(SHOWN_MAX).collect();
        text += &format!("  the answer: {}\n", if answer.is_empty() { "(empty)" } else { &answer });
    }
    let failed = ran.iter().filter(|ran| !ran.wrong.is_empty()).count();
    text + &format!("\n{} requests, {failed} not answered as expected\n", ran.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, json: Value) -> Answer {
        Answer { status, text: json.to_string(), json }
    }

    #[test]
    fn an_answer_is_expected_to_be_no_error_unless_said() {
        let expect = Expect::default();
        assert!(wrong(&expect, &answer(204, Value::Null)).is_empty());
        assert_eq!(wrong(&expect, &answer(404, Value::Null)), ["status: expected 200 to 299, got 404"]);
    }

    #[test]
    fn status_data_and_errors_are_each_compared_and_told() {
        let refused = answer(400, json!({ "errors": ["text: must have 1 to 4096 bytes"] }));
        let fine = Expect { status: Some(400), data: None, errors: vec!["must have".into()] };
        assert!(wrong(&fine, &refused).is_empty());
        let expect = Expect { status: Some(200), data: Some(json!({"a": 1})), errors: vec!["absent".into()] };
        let found = wrong(&expect, &refused);
        assert_eq!(found.len(), 3, "{found:?}");
        let ran = [Ran { method: "GET".into(), path: "m/a".into(), answer: refused, wrong: found }];
        let text = told(&ran);
        for says in ["1  GET  m/a  400  FAILED", "status: expected 200, got 400", "the answer: {", "1 requests, 1 not"]
        {
            assert!(text.contains(says), "{text}");
        }
    }
}
