//! How secrets are shown: where they are, what is known of them, what they hold.

use serde_json::{Map, Value};

use crate::output::{centred, heading, one_line, pairs, words};

/// Where the secret is.
pub(super) fn place(title: &str, path: &str) -> String {
    format!("{}\n{}", centred(title, path.len()), one_line(path))
}

/// Fields as a table.
pub(super) fn fields(value: &Value) -> String {
    let mut rows: Vec<(String, String)> =
        value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), words(value))).collect();
    rows.sort_unstable();
    pairs(&rows)
}

/// Fields as a table with a title.
pub(super) fn titled(title: &str, value: &Value) -> String {
    format!("{}\n{}", heading(title, value), fields(value))
}

/// Everything of a secret that has versions.
pub(super) fn versioned(path: &str, data: &Value) -> String {
    let mut parts = vec![place("Secret Path", path)];
    if data["metadata"].is_object() {
        parts.push(titled("Metadata", &data["metadata"]));
    }
    if data["data"].is_object() {
        parts.push(titled("Data", &data["data"]));
    }
    parts.join("\n\n")
}

/// What is known of a secret and of each of its versions.
pub(super) fn metadata(path: &str, data: &Value) -> String {
    let whole: Map<String, Value> = data
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "versions")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut parts = vec![place("Metadata Path", path), titled("Metadata", &Value::Object(whole))];
    let mut versions: Vec<(u64, &Value)> = data["versions"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(number, version)| Some((number.parse().ok()?, version)))
        .collect();
    versions.sort_unstable_by_key(|(number, _)| *number);
    parts.extend(versions.iter().map(|(number, version)| titled(&format!("Version {number}"), version)));
    parts.join("\n\n")
}
