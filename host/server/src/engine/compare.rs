//! Compares an answer with what is expected of it: what was not named may be anything.

use serde_json::Value;

/// Most differences that are told of one answer.
const TOLD_MAX: usize = 20;

/// What differs, each with its place. Objects may have more members than expected; lists may not.
pub(super) fn differences(place: &str, expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(place, expected, got, &mut found);
    found.truncate(TOLD_MAX);
    found
}

fn compare(place: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                let place = format!("{place}.{name}");
                match got.get(name) {
                    Some(got) => compare(&place, value, got, found),
                    None => found.push(format!("{place}: expected {value}, is not there")),
                }
            }
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            for (index, (value, got)) in expected.iter().zip(got).enumerate() {
                compare(&format!("{place}[{index}]"), value, got, found);
            }
        }
        (expected, got) if expected != got => found.push(format!("{place}: expected {expected}, got {got}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_named_is_compared() {
        let got = json!({"a": 1, "b": {"c": [1, {"d": "x", "e": null}]}});
        for fine in [json!({}), json!({"a": 1}), json!({"b": {"c": [1, {"d": "x"}]}}), got.clone()] {
            assert_eq!(differences("data", &fine, &got), Vec::<String>::new(), "{fine}");
        }
        for (wrong, says) in [
            (json!({"a": 2}), "data.a: expected 2, got 1"),
            (json!({"z": 1}), "data.z: expected 1, is not there"),
            (json!({"b": {"c": [1]}}), r#"data.b.c: expected [1], got [1,{"d":"x","e":null}]"#),
            (json!({"b": {"c": [1, {"e": 0}]}}), "data.b.c[1].e: expected 0, got null"),
            (json!([]), "data: expected [], got"),
        ] {
            let found = differences("data", &wrong, &got);
            assert!(found.len() == 1 && found[0].starts_with(says), "{found:?}");
        }
    }
}
