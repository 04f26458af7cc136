//! The metadata of a secret, as clients send it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::{self, Value};

/// Most pairs: a login adds the role's name.
const PAIRS_MAX: usize = 63;
/// Longest name and longest value, in bytes.
const TEXT_MAX: usize = 512;

pub(crate) type Pairs = BTreeMap<String, String>;

/// A JSON object of texts: as it is, in a text, or in a text in base64; or `name=value` pairs with commas.
pub(crate) fn read(sent: Option<&Value>) -> Result<Pairs, Fault> {
    let pairs = match sent {
        None | Some(Value::Null) => Pairs::new(),
        Some(Value::Object(fields)) => object(fields)?,
        Some(Value::String(text)) => from_text(text.trim())?,
        Some(_) => return Err(wrong()),
    };
    if pairs.len() > PAIRS_MAX {
        return Err(Fault::invalid("metadata: at most 63 pairs"));
    }
    let fits = |text: &str| text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
    if pairs.iter().any(|(name, value)| name.is_empty() || !fits(name) || !fits(value)) {
        return Err(Fault::invalid("metadata: names and values may have 512 bytes, without control characters"));
    }
    Ok(pairs)
}

fn from_text(text: &str) -> Result<Pairs, Fault> {
    if text.is_empty() {
        return Ok(Pairs::new());
    }
    if let Some(pairs) = plain(text) {
        return pairs;
    }
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.and_then(|text| plain(text.trim())).unwrap_or_else(|| Err(wrong()))
}

/// None: neither JSON nor pairs.
fn plain(text: &str) -> Option<Result<Pairs, Fault>> {
    if text.starts_with('{') {
        return Some(match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => object(&fields),
            _ => Err(wrong()),
        });
    }
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let pairs: Option<Pairs> = text.split(',').map(pair).collect();
    // The padding of base64 looks like a pair without a value.
    pairs.filter(|pairs| pairs.values().all(|value| !value.is_empty() && !value.starts_with('='))).map(Ok)
}

fn object(fields: &Map) -> Result<Pairs, Fault> {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
        _ => Err(wrong()),
    };
    fields.iter().map(pair).collect()
}

fn wrong() -> Fault {
    Fault::invalid("metadata: must be a JSON object of texts, written as a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_in_all_the_ways_that_clients_write_it() {
        let expected = Pairs::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x y".to_owned())]);
        for sent in [
            json!({"a": 1, "b": "x y"}),
            json!(r#"{"a": "1", "b": "x y"}"#),
            json!(STANDARD.encode(r#"{"a": "1", "b": "x y"}"#)),
            json!("a=1, b=x y"),
        ] {
            assert_eq!(read(Some(&sent)).unwrap(), expected, "{sent}");
        }
        assert!(read(None).unwrap().is_empty() && read(Some(&json!(""))).unwrap().is_empty());
    }

    #[test]
    fn metadata_that_is_none_is_refused() {
        let many: Pairs = (0..64).map(|n| (n.to_string(), "x".to_owned())).collect();
        for bad in [
            json!("word"),
            json!("[1]"),
            json!({"a": {}}),
            json!(["a"]),
            json!({"": "x"}),
            json!({"a": "x".repeat(513)}),
            json!(many),
            json!({"a": "\n"}),
        ] {
            assert!(read(Some(&bad)).is_err(), "{bad}");
        }
    }
}
