//! Answers with an envelope: leases, tokens, wrapping tokens, data, warnings.

use std::collections::BTreeSet;

use serde_json::Value;

use super::format::{Format, json, yaml};
use super::table::{pairs, table};
use super::value::{quoted, words};
use super::{duration, one_line};
use crate::Error;
use crate::terminal::Terminal;

/// What an answer says of itself, not of what was asked for: by which names, and where it stands.
const BESIDE: [(&str, &str); 5] = [
    ("request_id", "request_id"),
    ("lease_id", "lease_id"),
    ("lease_duration", "lease_duration"),
    ("refresh_interval", "lease_duration"),
    ("renewable", "renewable"),
];

/// One line of a table: its name, what it is, and how people see it.
struct Row {
    key: String,
    value: Value,
    shown: String,
}

impl Row {
    fn new(key: &str, value: &Value) -> Self {
        let shown = duration::of(value).filter(|_| duration::is_duration(key)).unwrap_or_else(|| words(value));
        Self { key: key.to_owned(), value: value.clone(), shown }
    }

    fn shown_as(key: &str, value: &Value, shown: String) -> Self {
        Self { key: key.to_owned(), value: value.clone(), shown }
    }
}

/// Shows an answer in the format that was asked for.
pub(crate) fn secret(terminal: &mut Terminal, format: Format, body: &Value) -> Result<(), Error> {
    if let Some(text) = for_programs(format, body)? {
        return terminal.line(&text);
    }
    warnings(terminal, body)?;
    let rows: Vec<(String, String)> = rows(body).into_iter().map(|row| (row.key, row.shown)).collect();
    if rows.is_empty() { Ok(()) } else { terminal.line(&pairs(&rows)) }
}

/// The text that programs get; nothing where people look.
fn for_programs(format: Format, value: &Value) -> Result<Option<String>, Error> {
    match format {
        Format::Json | Format::Raw => json(value).map(Some),
        Format::Yaml => yaml(value).map(Some),
        Format::Table => Ok(None),
    }
}

/// An answer without an envelope, or what of an answer is worth showing to people, which `shown` makes.
pub(crate) fn reply(
    terminal: &mut Terminal,
    format: Format,
    body: &Value,
    shown: impl FnOnce(&Value) -> String,
) -> Result<(), Error> {
    let text = for_programs(format, body)?.unwrap_or_else(|| shown(body));
    terminal.line(&text)
}

/// Shows the keys of a listing, or all that is known of each.
pub(crate) fn list(terminal: &mut Terminal, format: Format, body: &Value, detailed: bool) -> Result<(), Error> {
    let keys = body.pointer("/data/keys").cloned().unwrap_or(Value::Array(Vec::new()));
    if let Some(text) = for_programs(format, if detailed { &body["data"] } else { &keys })? {
        return terminal.line(&text);
    }
    warnings(terminal, body)?;
    let known = body.pointer("/data/key_info").filter(|_| detailed).and_then(Value::as_object);
    let fields = known.into_iter().flat_map(|known| known.values()).filter_map(Value::as_object);
    let fields: BTreeSet<&str> = fields.flat_map(|fields| fields.keys().map(String::as_str)).collect();
    let row = |key: &Value| {
        let known = known.zip(key.as_str()).and_then(|(known, key)| known.get(key));
        let cell = |field: &&str| known.and_then(|known| known.get(*field)).map(words).unwrap_or_default();
        std::iter::once(words(key)).chain(fields.iter().map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = keys.as_array().into_iter().flatten().map(row).collect();
    let names: Vec<&str> = std::iter::once("Keys").chain(fields.iter().copied()).collect();
    terminal.line(&table(&names, &rows))
}

/// Shows the value of one field and nothing else.
pub(crate) fn field(terminal: &mut Terminal, format: Format, body: &Value, name: &str) -> Result<(), Error> {
    let found = rows(body).into_iter().find(|row| row.key == name).map(|row| row.value);
    let whole = || body.get("data").filter(|data| name == "data" && !data.is_null()).cloned();
    // What stands beside the data is found by its own name too.
    let beside = || BESIDE.iter().find(|(known, _)| *known == name).and_then(|(_, field)| body.get(*field)).cloned();
    pick(terminal, format, found.or_else(whole).or_else(beside), name)
}

/// The same for a value that was looked for elsewhere.
pub(crate) fn pick(terminal: &mut Terminal, format: Format, value: Option<Value>, name: &str) -> Result<(), Error> {
    let missing = || Error::Usage(format!("Field {name:?} not present in secret"));
    let value = value.filter(|value| !value.is_null()).ok_or_else(missing)?;
    let text = match format {
        Format::Json => json(&value)?,
        Format::Yaml => yaml(&value)?,
        Format::Table | Format::Raw => words(&value),
    };
    terminal.value(&text)
}

/// Tells people what the server warns of.
pub(crate) fn warnings(terminal: &mut Terminal, body: &Value) -> Result<(), Error> {
    let warnings: Vec<&str> = body["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if warnings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = warnings.iter().map(|text| format!("  * {}", one_line(text))).collect();
    terminal.note(&format!("WARNING! The server warns:\n\n{}\n", lines.join("\n")))
}

fn rows(body: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    lease(&mut rows, body);
    auth(&mut rows, &body["auth"]);
    wrapping(&mut rows, &body["wrap_info"]);
    let mut data: Vec<Row> =
        body["data"].as_object().into_iter().flatten().map(|(key, value)| Row::new(key, value)).collect();
    data.sort_by(|a, b| a.key.cmp(&b.key));
    rows.extend(data);
    rows
}

fn lease(rows: &mut Vec<Row>, body: &Value) {
    let Some(seconds) = body["lease_duration"].as_u64().filter(|seconds| *seconds > 0) else { return };
    let time = duration::human(seconds);
    match body["lease_id"].as_str() {
        Some(id) if !id.is_empty() => rows.extend([
            Row::new("lease_id", &body["lease_id"]),
            Row::shown_as("lease_duration", &body["lease_duration"], time),
            Row::new("lease_renewable", &body["renewable"]),
        ]),
        _ => rows.push(Row::shown_as("refresh_interval", &body["lease_duration"], time)),
    }
}

fn auth(rows: &mut Vec<Row>, auth: &Value) {
    if !auth.is_object() {
        return;
    }
    let time = match &auth["lease_duration"] {
        seconds if seconds.as_u64() == Some(0) => "∞".to_owned(),
        seconds => duration::of(seconds).unwrap_or_default(),
    };
    rows.extend([
        Row::new("token", &auth["client_token"]),
        Row::new("token_accessor", &auth["accessor"]),
        Row::shown_as("token_duration", &auth["lease_duration"], time),
        Row::new("token_renewable", &auth["renewable"]),
    ]);
    for name in ["token_policies", "identity_policies", "policies"] {
        rows.push(Row::shown_as(name, &auth[name], quoted(&auth[name])));
    }
    let mut metadata: Vec<Row> = auth["metadata"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| Row::new(&format!("token_meta_{key}"), value))
        .collect();
    metadata.sort_by(|a, b| a.key.cmp(&b.key));
    rows.extend(metadata);
}

fn wrapping(rows: &mut Vec<Row>, wrapped: &Value) {
    if !wrapped.is_object() {
        return;
    }
    for (key, field) in [
        ("wrapping_token", "token"),
        ("wrapping_accessor", "accessor"),
        ("wrapping_token_ttl", "ttl"),
        ("wrapping_token_creation_time", "creation_time"),
        ("wrapping_token_creation_path", "creation_path"),
        ("wrapped_accessor", "wrapped_accessor"),
    ] {
        if let Some(value) = wrapped.get(field).filter(|value| !value.is_null() && *value != "") {
            rows.push(Row::new(key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Screen, terminal};

    fn shown(format: Format, body: &Value) -> Screen {
        let (mut terminal, screen) = terminal("");
        secret(&mut terminal, format, body).unwrap();
        screen
    }

    #[test]
    fn data_has_a_row_each_sorted_and_times_for_people() {
        let body = json!({"lease_duration": 2764800, "lease_id": "", "data": {"ttl": 90, "b": [1, 2], "a": "x"}});
        assert_eq!(
            shown(Format::Table, &body).output(),
            "Key                 Value\n---                 -----\nrefresh_interval    768h\na                   x\n\
             b                   [1 2]\nttl                 1m30s\n"
        );
        assert_eq!(serde_json::from_str::<Value>(&shown(Format::Json, &body).output()).unwrap(), body);
    }

    #[test]
    fn tokens_have_their_policies_and_metadata_and_no_end_where_they_have_none() {
        let body = json!({"data": null, "auth": {
            "client_token": "s.1", "accessor": "acc", "policies": ["default"], "token_policies": ["default"],
            "metadata": {"username": "eve"}, "lease_duration": 0, "renewable": false,
        }});
        let said = shown(Format::Table, &body).output();
        for line in [
            "token                  s.1",
            "token_duration         ∞",
            "token_policies         [\"default\"]",
            "identity_policies      []",
            "token_meta_username    eve",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }

    #[test]
    fn warnings_go_to_people_and_not_into_what_programs_read() {
        let screen = shown(Format::Table, &json!({"warnings": ["slow\x1b[2J"], "data": {"a": 1}}));
        assert!(screen.errors().contains("  * slow\\u{1b}[2J"), "{}", screen.errors());
        assert!(!screen.output().contains("slow"));
    }

    #[test]
    fn a_field_is_its_value_and_nothing_else() {
        let body = json!({"data": {"a": "x\ny", "n": 3600, "l": [1], "nothing": null}, "request_id": "r1", "lease_id": "", "lease_duration": 0,
            "renewable": false, "wrap_info": {"token": "s.w", "ttl": 60}});
        for (name, format, wanted) in [
            ("a", Format::Table, "x\ny"),
            ("n", Format::Table, "3600"),
            ("l", Format::Json, "[\n  1\n]"),
            ("request_id", Format::Table, "r1"),
            ("lease_id", Format::Table, ""),
            ("lease_duration", Format::Table, "0"),
            ("refresh_interval", Format::Table, "0"),
            ("renewable", Format::Table, "false"),
            ("wrapping_token", Format::Table, "s.w"),
            ("wrapping_token_ttl", Format::Table, "60"),
        ] {
            let (mut terminal, screen) = terminal("");
            field(&mut terminal, format, &body, name).unwrap();
            assert_eq!(screen.output(), wanted);
        }
        let (mut terminal, _) = terminal("");
        for name in ["b", "nothing"] {
            let missing = field(&mut terminal, Format::Table, &body, name).unwrap_err();
            let wanted = format!("Field {name:?} not present in secret");
            assert_eq!((missing.exit(), missing.to_string()), (1, wanted));
        }
    }
}
