//! Version 2: versions of each secret, and facts about them.

pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod metadata;
pub(crate) mod stray;
pub(crate) mod subkeys;
pub(crate) mod versions;

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

use crate::moments::Moment;
use crate::records::{Facts, Kept, Metadata, Path};

/// What a read of one version finds.
enum Found {
    /// No such secret or version.
    Nothing,
    /// The version was deleted or destroyed; these are the facts about it.
    Gone(Value),
    /// The value and the facts.
    There(Kept, Value),
}

/// Looks for a version; 0 is the latest.
fn find(path: &Path, number: u64) -> Result<Found, Fault> {
    let Some(metadata) = Metadata::load(path)? else { return Ok(Found::Nothing) };
    let number = if number == 0 { metadata.current } else { number };
    let Some(facts) = metadata.versions.get(&number) else { return Ok(Found::Nothing) };
    let shown = shown(number, facts, &metadata);
    if facts.gone(Moment::now()) {
        return Ok(Found::Gone(shown));
    }
    Ok(Found::There(Metadata::value(path, number)?, shown))
}

/// The facts about one version as clients read them beside its value.
fn shown(number: u64, facts: &Facts, metadata: &Metadata) -> Value {
    json!({
        "version": number,
        "created_time": facts.created,
        "deletion_time": deletion_time(facts),
        "destroyed": facts.destroyed,
        "custom_metadata": custom(metadata),
    })
}

fn deletion_time(facts: &Facts) -> String {
    facts.deleted.map_or_else(String::new, |deleted| deleted.to_string())
}

/// The client's notes; `null` when there are none.
fn custom(metadata: &Metadata) -> Value {
    if metadata.custom.is_empty() { Value::Null } else { json!(metadata.custom) }
}

/// 404 that still carries data or a warning, as clients expect of deleted versions.
fn absent(request: &Request, data: Value, warnings: &[&str]) -> Response {
    Response::raw_status(404, "application/json", envelope(request.id(), data, warnings).to_string())
}

fn envelope(id: &str, data: Value, warnings: &[&str]) -> Value {
    json!({
        "request_id": id,
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": if warnings.is_empty() { Value::Null } else { json!(warnings) },
        "auth": null,
        "mount_type": "kv",
    })
}

/// Ready-made steps for the tests of this version.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::place::Place;

    /// A request for the secret `app/db`.
    pub(crate) fn ask(body: Value) -> Request {
        Request::for_test(&[("path", "app/db")], &body)
    }

    /// Writes versions of `app/db`, each `{"n": <its number>}`.
    pub(crate) fn write(count: u64) {
        for n in 1..=count {
            data::Data::update(&ask(json!({ "data": { "n": n } }))).unwrap();
        }
    }

    /// What a read of a version of `app/db` finds: `nothing`, `gone`, or the value as text.
    pub(crate) fn state(number: u64) -> String {
        match find(&Path::parse("app/db").unwrap(), number).unwrap() {
            Found::Nothing => "nothing".into(),
            Found::Gone(_) => "gone".into(),
            Found::There(value, _) => innkeeper_guest::serde_json::to_string(&value).unwrap(),
        }
    }

    /// The data of an answer.
    pub(crate) fn data_of(answer: Answer) -> Value {
        innkeeper_guest::serde_json::from_str(answer.unwrap().data_text().unwrap()).unwrap()
    }

    /// The message of a refusal with 400.
    pub(crate) fn refusal(answer: Answer) -> String {
        let fault = answer.err().expect("a refusal");
        assert_eq!(fault.kind, FaultKind::InvalidRequest);
        fault.messages.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_404_with_data_has_the_whole_envelope() {
        let envelope = envelope("id", json!({ "data": null }), &["careful"]);
        let fields: Vec<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "auth",
                "data",
                "lease_duration",
                "lease_id",
                "mount_type",
                "renewable",
                "request_id",
                "warnings",
                "wrap_info"
            ]
        );
        assert_eq!(envelope["warnings"], json!(["careful"]));
    }
}
