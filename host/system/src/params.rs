//! Reads parameters as stock clients send them: numbers, booleans and lists may come as text.

use std::collections::BTreeMap;

use model::Fault;
use serde_json::{Map, Value};

/// Longest duration: what clients can hold in 64 bits of nanoseconds.
const SECONDS_MAX: u64 = 290 * 365 * 86_400;

/// A text; absent and `null` are `None`.
pub(crate) fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(field, "text")),
    }
}

/// A boolean.
pub(crate) fn flag(body: &Map<String, Value>, field: &str) -> Result<Option<bool>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Some(true)),
        Some(Value::String(text)) if text.is_empty() || text.eq_ignore_ascii_case("false") || text == "0" => {
            Ok(Some(false))
        }
        Some(_) => Err(wrong(field, "true or false")),
    }
}

/// A whole number.
pub(crate) fn number(body: &Map<String, Value>, field: &str) -> Result<Option<u64>, Fault> {
    let refuse = || wrong(field, "a whole number");
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number.as_u64().map(Some).ok_or_else(refuse),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| refuse()),
        Some(_) => Err(refuse()),
    }
}

/// A whole number; `text` is told of a negative one.
pub(crate) fn count(body: &Map<String, Value>, field: &str, text: &str) -> Result<Option<u64>, Fault> {
    refuse_negative(body, field, text)?;
    match number(body, field)? {
        // What clients cannot read back is not taken.
        Some(count) if i64::try_from(count).is_err() => Err(wrong(field, "a number below 2^63")),
        count => Ok(count),
    }
}

/// A duration in seconds; `text` is told of a negative one.
pub(crate) fn positive(body: &Map<String, Value>, field: &str, text: &str) -> Result<Option<u64>, Fault> {
    refuse_negative(body, field, text)?;
    seconds(body, field)
}

fn refuse_negative(body: &Map<String, Value>, field: &str, text: &str) -> Result<(), Fault> {
    let negative = match body.get(field) {
        Some(Value::Number(number)) => number.as_f64().is_some_and(|number| number < 0.0),
        Some(Value::String(text)) => text.trim_start().starts_with('-'),
        _ => false,
    };
    if negative { Err(Fault::invalid(text)) } else { Ok(()) }
}

/// A list of texts, or one text with commas. White space around entries and empty ones are dropped. An entry of a list is
/// not split: rules of policies have looked at it as one.
pub(crate) fn list(body: &Map<String, Value>, field: &str) -> Result<Option<Vec<String>>, Fault> {
    let parts: Vec<&str> = match body.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.split(',').collect(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| wrong(field, "a list of texts")))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong(field, "a list of texts, or one text with commas")),
    };
    Ok(Some(parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()))
}

/// A list of texts that each stand as they are, empty ones too, or one text with commas.
pub(crate) fn entries(body: &Map<String, Value>, field: &str) -> Result<Vec<String>, Fault> {
    let wanted = "a list of texts, or one text with commas";
    match body.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split(',').map(str::to_owned).collect()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(field, wanted))).collect()
        }
        Some(_) => Err(wrong(field, wanted)),
    }
}

/// An object of texts.
pub(crate) fn map(body: &Map<String, Value>, field: &str) -> Result<Option<BTreeMap<String, String>>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => {
            let pairs = fields.iter().map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
                _ => Err(wrong(field, "an object of texts")),
            });
            pairs.collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong(field, "an object of texts")),
    }
}

/// An object of texts as PATCH sends it: `null` removes a name.
pub(crate) fn patch(
    body: &Map<String, Value>,
    field: &str,
    mut before: BTreeMap<String, String>,
) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let fields = match body.get(field) {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(BTreeMap::new())),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(wrong(field, "an object of texts")),
    };
    for removed in fields.iter().filter(|(_, value)| value.is_null()) {
        before.remove(removed.0);
    }
    let kept: Map<String, Value> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let sent = map(&Map::from_iter([(field.to_owned(), Value::Object(kept))]), field)?;
    before.extend(sent.unwrap_or_default());
    Ok(Some(before))
}

/// A duration in seconds: a number, a number as text, or a number with one of the units s, m, h, d.
pub(crate) fn seconds(body: &Map<String, Value>, field: &str) -> Result<Option<u64>, Fault> {
    let refuse = || wrong(field, "a duration such as 3600, \"90s\", \"72h\" or \"30d\", at most 290 years");
    let bounded = |seconds: &u64| *seconds <= SECONDS_MAX;
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number.as_u64().filter(bounded).map(Some).ok_or_else(refuse),
        Some(Value::String(text)) if text.is_empty() || text == "system" => Ok(Some(0)),
        Some(Value::String(text)) => duration(text).filter(bounded).map(Some).ok_or_else(refuse),
        Some(_) => Err(refuse()),
    }
}

/// The text form of a duration; several numbers with units add up, as in `1h30m`.
fn duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes().get(digits)? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(total)
}

fn wrong(field: &str, wanted: &str) -> Fault {
    Fault::invalid(format!("{field}: must be {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_numbers_text_and_units() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("1h30m", 5400), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Some(seconds), "{text}");
        }
        for bad in ["h", "5x", "-5", "1.5h", "99999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
