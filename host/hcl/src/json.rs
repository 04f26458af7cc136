//! A document in JSON. Keys that come twice stay twice, as in HCL.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Entry, Error, Key, Position, Value};

/// Reads a document in JSON. Positions of its keys are not known: they are those of the whole.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, Error> {
    // serde_json refuses what is nested deeper than 128 levels.
    match serde_json::from_str(text) {
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(_) => Err(Error::new(Position { line: 1, column: 1 }, "must be an object")),
        Err(error) => {
            let full = error.to_string();
            // The place comes first here, so it goes from the end.
            let what = full.rsplit_once(" at line ").map_or(full.as_str(), |(what, _)| what);
            Err(Error::new(Position { line: error.line(), column: error.column() }, what))
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    #[allow(clippy::cast_precision_loss, reason = "whole numbers that long are rounded in HCL as well")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((text, value)) = access.next_entry::<String, Value>()? {
            entries.push(Entry { keys: vec![Key { text, at: Position { line: 1, column: 1 } }], value });
        }
        Ok(Value::Object(entries))
    }
}
