//! The data of a request or an answer as a device shows it.
//!
//! It is read as text, never taken apart into a tree: what is valid JSON already needs no more than one walk over its
//! bytes, which keeps numbers exact and needs no memory but for what is written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::salt::Salt;

/// Most bytes that the data of one entry has in a line. Of more, one hash of the whole is written, and its length.
pub(crate) const DATA_MAX: usize = 1024 * 1024;

/// How a device shows data.
pub(crate) struct Veil<'a> {
    pub(crate) salt: &'a Salt,
    /// Everything in clear.
    pub(crate) raw: bool,
    /// Top-level names whose values are shown in clear.
    pub(crate) clear: &'a [String],
}

/// Data in an entry.
#[derive(Default, Serialize)]
pub(crate) struct Veiled {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    /// Of data that is too large, of bodies that are no objects, and of answers that come as they are: the hash of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_hmac: Option<String>,
    /// Of the same: the length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_length: Option<usize>,
}

impl Veil<'_> {
    /// An object: every text in it is hashed, at any depth; names, numbers, `true`, `false` and `null` are not.
    pub(crate) fn object(&self, object: &RawValue) -> Veiled {
        let text = object.get();
        let shown = self.walk(text).and_then(|out| String::from_utf8(out).ok());
        match shown.and_then(|shown| RawValue::from_string(shown).ok()) {
            Some(data) => Veiled { data: Some(data), ..Veiled::default() },
            None => self.whole(text.as_bytes()),
        }
    }

    /// One hash of the whole, and its length.
    pub(crate) fn whole(&self, bytes: &[u8]) -> Veiled {
        Veiled { data: None, data_hmac: Some(self.salt.hash(bytes)), data_length: Some(bytes.len()) }
    }

    /// The walk. `None`: it would have become too large.
    fn walk(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = text.as_bytes();
        let mut out = Vec::with_capacity((text.len() * 2).min(DATA_MAX));
        let (mut at, mut depth, mut clear) = (0, 0_usize, false);
        while let Some(&byte) = bytes.get(at) {
            if byte == b'"' {
                let end = end_of_text(bytes, at);
                let quoted = &text[at..end];
                at = end;
                // In valid JSON a text before a colon is a name, and nothing else is.
                let is_name = bytes[end..].iter().find(|byte| !is_space(**byte)) == Some(&b':');
                if is_name && depth == 1 {
                    clear = self.is_clear(quoted);
                }
                if is_name || clear || self.raw {
                    out.extend_from_slice(quoted.as_bytes());
                } else {
                    out.push(b'"');
                    self.salt.hash_onto(plain(quoted).as_bytes(), &mut out);
                    out.push(b'"');
                }
            } else {
                at += 1;
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                // An entry is one line, however the client laid its JSON out.
                if !is_space(byte) {
                    out.push(byte);
                }
            }
            if out.len() > DATA_MAX {
                return None;
            }
        }
        Some(out)
    }

    fn is_clear(&self, quoted: &str) -> bool {
        !self.clear.is_empty() && self.clear.iter().any(|name| *name == plain(quoted))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Where the text that begins at a quotation mark ends, after its other one.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// What stands between quotation marks, with its escapes undone. One that stands for no character stays as it is.
fn plain(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// The answer to a list with counts in place of `keys` and `key_info`. `None` when it has neither.
pub(crate) fn elided(object: &RawValue) -> Option<Box<RawValue>> {
    let mut fields: BTreeMap<Cow<'_, str>, Cow<'_, RawValue>> = serde_json::from_str(object.get()).ok()?;
    let mut found = false;
    if let Some(keys) = fields.get_mut("keys")
        && let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(keys.get())
    {
        *keys = Cow::Owned(to_raw_value(&list.len()).ok()?);
        found = true;
    }
    if let Some(info) = fields.get_mut("key_info")
        && let Ok(map) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(info.get())
    {
        *info = Cow::Owned(to_raw_value(&map.len()).ok()?);
        found = true;
    }
    if found { to_raw_value(&fields).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(text: &str, clear: &[&str], raw: bool) -> Value {
        let clear: Vec<String> = clear.iter().map(|name| (*name).to_owned()).collect();
        let salt = Salt::new(&[7; 32]);
        let object = RawValue::from_string(text.to_owned()).unwrap();
        let veiled = Veil { salt: &salt, raw, clear: &clear }.object(&object);
        assert!(!serde_json::to_string(&veiled).unwrap().contains('\n'), "an entry is one line");
        serde_json::to_value(&veiled).unwrap()
    }

    fn hashed(text: &str) -> String {
        Salt::new(&[7; 32]).hash(text)
    }

    #[test]
    fn every_text_is_hashed_at_any_depth_and_nothing_else_is() {
        let sent = r#"{ "a": "x", "list" : ["y", 3, true, null, {"deep": "z"}],
            "n": 1.50, "big": 123456789012345678901234567890, "empty": "" }"#;
        let shown = shown(sent, &[], false);
        let data = &shown["data"];
        assert_eq!(data["a"], hashed("x"));
        assert_eq!(data["list"], json!([hashed("y"), 3, true, null, {"deep": hashed("z")}]));
        assert!(data["empty"].as_str().unwrap().starts_with("hmac-sha256:"));
    }

    #[test]
    fn numbers_stay_as_they_were_sent() {
        let salt = Salt::new(&[7; 32]);
        let object = RawValue::from_string(r#"{"n": 1.50, "big": 123456789012345678901}"#.to_owned()).unwrap();
        let veiled = Veil { salt: &salt, raw: false, clear: &[] }.object(&object);
        assert_eq!(veiled.data.unwrap().get(), r#"{"n":1.50,"big":123456789012345678901}"#);
    }

    #[test]
    fn names_that_are_exempt_are_shown_at_the_top_only() {
        let sent = r#"{"ttl": "1h", "deep": {"ttl": "1h"}, "list": ["a", {"b": "c"}], "after": "s"}"#;
        let shown = shown(sent, &["ttl", "list"], false);
        let expected =
            json!({"ttl": "1h", "deep": {"ttl": hashed("1h")}, "list": ["a", {"b": "c"}], "after": hashed("s")});
        assert_eq!(shown["data"], expected);
    }

    #[test]
    fn escapes_are_undone_before_hashing_and_names_with_escapes_are_still_names() {
        let shown = shown(r#"{"q\"uote": "a\"b\\", "\u0074tl": "x", "odd": "\ud800"}"#, &["ttl"], false);
        assert_eq!(shown["data"]["q\"uote"], hashed("a\"b\\"));
        assert_eq!(shown["data"]["ttl"], "x");
        assert_eq!(shown["data"]["odd"], hashed("\\ud800"));
    }

    #[test]
    fn a_text_that_looks_like_json_is_a_text() {
        let shown = shown(r#"{"a": "{\"b\": \"c\"}", "d": ": "}"#, &[], false);
        assert_eq!(shown["data"], json!({"a": hashed("{\"b\": \"c\"}"), "d": hashed(": ")}));
    }

    #[test]
    fn data_that_would_be_too_large_is_one_hash_and_a_length() {
        let many = format!("{{\"a\":[{}\"x\"]}}", "\"x\",".repeat(DATA_MAX / 60));
        let veiled = shown(&many, &[], false);
        assert_eq!(veiled["data_hmac"], hashed(&many));
        assert_eq!(veiled["data_length"], many.len());
        assert!(veiled.get("data").is_none());
        // One long text is one hash.
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(8 * DATA_MAX));
        assert_eq!(shown(&long, &[], false)["data"]["a"], hashed(&"x".repeat(8 * DATA_MAX)));
        assert!(shown(&long, &[], true).get("data").is_none());
    }

    #[test]
    fn lists_can_be_counted_instead() {
        let list = RawValue::from_string(r#"{"keys":["a","b"],"key_info":{"a":{},"b":{}},"x":"y"}"#.into()).unwrap();
        let counted: Value = serde_json::from_str(elided(&list).unwrap().get()).unwrap();
        assert_eq!(counted, json!({"keys": 2, "key_info": 2, "x": "y"}));
        assert!(elided(&RawValue::from_string(r#"{"x":1}"#.into()).unwrap()).is_none());
    }
}
