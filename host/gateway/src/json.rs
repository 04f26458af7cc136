//! Whether a body is a JSON object that everybody behind the corridor reads alike.
//!
//! What a policy looks at, what an engine acts upon and what is recorded must be one thing. Parsers differ in what they
//! make of a name that stands twice in an object, so such bodies are refused, where other servers take the last of them.
//! How deep values nest is bounded by the parser (127), and so by the stack; how many there are, by [`VALUES_MAX`],
//! because a value in memory may be far larger than the text of it.

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Most values and names in one body.
pub(crate) const VALUES_MAX: usize = 250_000;

/// The names in such an object, in no order; or why a body is none: for the client, without repeating any of it.
pub(crate) fn names(body: &[u8]) -> Result<Vec<String>, String> {
    let (mut left, mut names) = (VALUES_MAX, Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let whole = Whole { left: &mut left, names: Some(&mut names) };
    let read = whole.deserialize(&mut reader).and_then(|()| reader.end());
    read.map(|()| names).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let why = match error.classify() {
            _ if error.to_string().starts_with(TWICE) => TWICE,
            _ if error.to_string().starts_with(TOO_MANY) => TOO_MANY,
            _ if error.to_string().starts_with("recursion limit") => "nested deeper than 127 levels",
            serde_json::error::Category::Eof => "not a JSON object: it ends too early",
            _ => "not a JSON object",
        };
        format!("error parsing JSON: {why} at line {line} column {column}")
    })
}

const TWICE: &str = "a name stands twice in one object";
const TOO_MANY: &str = "more than 250000 values";

/// Reads a value to its end and keeps nothing of it but the outermost names.
struct Whole<'a> {
    left: &'a mut usize,
    /// Of the outermost value, which must be an object.
    names: Option<&'a mut Vec<String>>,
}

impl Whole<'_> {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| E::custom(TOO_MANY))?;
        Ok(())
    }

    fn scalar<E: Error>(self) -> Result<(), E> {
        if self.names.is_some() { Err(E::custom("not an object")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.names.is_some() {
            return Err(A::Error::custom("not an object"));
        }
        while items.next_element_seed(Whole { left: &mut *self.left, names: None })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let mut names: HashSet<String> = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            self.count()?;
            if !names.insert(name) {
                return Err(A::Error::custom(TWICE));
            }
            fields.next_value_seed(Whole { left: &mut *self.left, names: None })?;
        }
        if let Some(outermost) = self.names {
            outermost.extend(names);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn objects_that_all_read_alike_are_taken() {
        let numbers = format!("{{\"a\":123456789012345678901234567890,\"b\":[{}1]}}", "1,".repeat(1000));
        for body in ["{}", " {\"a\": {\"a\": null}, \"b\": [{\"a\": 1}, {\"a\": -1.5e3}]} ", &nested(126), &numbers] {
            assert!(names(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_outermost_names_are_told() {
        let mut told = names(br#"{"b": {"c": 1}, "a": [{"d": 2}], "\u0061b": null}"#).unwrap();
        told.sort_unstable();
        assert_eq!(told, ["a", "ab", "b"]);
    }

    #[test]
    fn others_are_refused_with_the_place_and_without_their_text() {
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(VALUES_MAX));
        for (body, says) in [
            (&b"{\"secret\":1,\"b\":2,\"secret\":3}"[..], "a name stands twice in one object at line 1"),
            (b"{\"a\":{\"secret\":1,\"\\u0073ecret\":2}}", "a name stands twice"),
            (nested(128).as_bytes(), "nested deeper than 127 levels"),
            ("{\"a\":".repeat(100_000).as_bytes(), "nested deeper"),
            (many.as_bytes(), "more than 250000 values"),
            (b"{\"secret\":", "it ends too early at line 1"),
            (b"[]", "not a JSON object"),
            (b"\"secret\"", "not a JSON object"),
            (b"{\"secret\":1}x", "not a JSON object"),
            (b"{\"a\":\"\xff\"}", "not a JSON object"),
            (b"{\"a\":1e999}", "not a JSON object"),
            (b"{\"a\":\"\\ud800\"}", "not a JSON object"),
        ] {
            let why = names(body).unwrap_err();
            assert!(why.contains(says) && !why.contains("secret"), "{why}");
        }
    }
}
