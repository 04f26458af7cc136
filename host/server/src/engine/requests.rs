//! The file of `engine test`: requests, and what is expected of their answers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;

/// Largest file, in bytes.
const FILE_MAX: u64 = 16 << 20;
/// Most requests.
const REQUESTS_MAX: usize = 10_000;
/// What may be asked.
const METHODS: [&str; 6] = ["GET", "LIST", "POST", "PUT", "PATCH", "DELETE"];

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// GET, LIST, POST, PUT, PATCH or DELETE.
    pub(super) method: String,
    /// Below the mount; with a leading `/`, below `/v1/`. As in a URL, with a query if need be.
    pub(super) path: String,
    /// The body.
    pub(super) body: Option<Map<String, Value>>,
    /// What is expected of the answer: that it is no error, unless it says more.
    #[serde(default)]
    pub(super) expect: Expect,
}

/// What is expected of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// The status; any from 200 to 299 unless said.
    pub(super) status: Option<u16>,
    /// What must be under `data`; there may be more.
    pub(super) data: Option<Value>,
    /// Texts, each of which must be part of one of the `errors`.
    #[serde(default)]
    pub(super) errors: Vec<String>,
}

/// Reads the file: a JSON list.
pub(super) fn read(path: &Path) -> Result<Vec<Request>, Error> {
    let mut text = String::new();
    let failed = Error::file(path);
    File::open(path).map_err(&failed)?.take(FILE_MAX + 1).read_to_string(&mut text).map_err(&failed)?;
    let wrong = |why: String| Error::Wrong(format!("{}: {why}", path.display()));
    if text.len() as u64 > FILE_MAX {
        return Err(wrong("has more than 16 MiB".to_owned()));
    }
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<Request>, String> {
    let requests: Vec<Request> = serde_json::from_str(text).map_err(|error| {
        format!("must be a list of {{\"method\", \"path\", \"body\", \"expect\": {{\"status\", \"data\", \"errors\"}}}}: {error}")
    })?;
    if requests.is_empty() || requests.len() > REQUESTS_MAX {
        return Err(format!("must have 1 to {REQUESTS_MAX} requests"));
    }
    for (at, request) in requests.iter().enumerate() {
        if !METHODS.contains(&request.method.as_str()) {
            return Err(format!("request {}: method: must be one of {}", at + 1, METHODS.join(", ")));
        }
    }
    Ok(requests)
}

impl Request {
    /// The path below `/v1/` for a mount at this path, which ends in `/`.
    pub(super) fn below(&self, mount: &str) -> String {
        match self.path.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None => format!("{mount}{}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_below_the_mount_unless_they_begin_with_a_slash() {
        let text = r#"[{"method": "GET", "path": "a?b=c"}, {"method": "GET", "path": "/sys/mounts"}]"#;
        let paths: Vec<_> = parse(text).unwrap().iter().map(|request| request.below("my/mount/")).collect();
        assert_eq!(paths, ["my/mount/a?b=c", "sys/mounts"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, says) in [
            ("", "must be a list"),
            ("{}", "must be a list"),
            ("[]", "must have 1 to"),
            (r#"[{"method": "GET"}]"#, "missing field `path`"),
            (r#"[{"method": "GET", "path": "a", "expects": {}}]"#, "unknown field `expects`"),
            (r#"[{"method": "GET", "path": "a", "body": []}]"#, "line 1"),
            (
                r#"[{"method": "GET", "path": "a"}, {"method": "get", "path": "a"}]"#,
                "request 2: method: must be one of",
            ),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn the_requests_of_a_new_project_can_be_read() {
        for (name, text) in super::super::new::FILES.iter().filter(|(name, _)| name.ends_with(".json")) {
            assert!(parse(text).is_ok(), "{name}");
        }
    }
}
