//! Reads JSON as stock clients write it: cert-manager and the CLI send booleans, numbers and lists as text.
//!
//! This is a serde [`Deserializer`] over a parsed value that coerces towards what the receiving type asks for, and
//! names the field in its errors. It recurses no deeper than the value, which serde_json has bounded.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;

/// A value to be read leniently.
#[derive(Clone, Copy)]
pub(crate) struct Lenient<'a>(&'a Value);

impl<'a> Lenient<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self(value)
    }

    fn text(self) -> Option<&'a str> {
        self.0.as_str().map(str::trim)
    }

    fn refuse<T>(self, wanted: &str) -> Result<T, Error> {
        let got = match self.0 {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            // The value itself may be a secret in the wrong field: only its shape is told.
            Value::String(_) => "other text".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        Err(Error { field: String::new(), text: format!("must be {wanted}, not {got}") })
    }
}

/// What is wrong, and in which field.
#[derive(Debug)]
pub(crate) struct Error {
    field: String,
    text: String,
}

impl Error {
    fn within(mut self, field: &str) -> Self {
        self.field = if self.field.is_empty() { field.to_owned() } else { format!("{field}.{}", self.field) };
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.text) } else { write!(f, "{}: {}", self.field, self.text) }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { field: String::new(), text: text.to_string() }
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text() {
                Some("") => visitor.visit_u64(0),
                Some(text) => match (text.parse::<u64>(), text.parse::<i64>()) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => self.refuse("a whole number"),
                },
                None => match self.0 {
                    Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                        (Some(number), ..) => visitor.visit_u64(number),
                        (_, Some(number), _) => visitor.visit_i64(number),
                        (.., Some(number)) if number.fract() == 0.0 && number.abs() < 9e15 => visitor.visit_i64(number as i64),
                        _ => self.refuse("a whole number"),
                    },
                    _ => self.refuse("a whole number"),
                },
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(_) => self.0.deserialize_any(visitor).map_err(de::Error::custom),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (self.0, self.text().map(str::to_ascii_lowercase).as_deref()) {
            (Value::Bool(value), _) => visitor.visit_bool(*value),
            (_, Some("true" | "t" | "1" | "yes" | "on")) => visitor.visit_bool(true),
            (_, Some("" | "false" | "f" | "0" | "no" | "off")) => visitor.visit_bool(false),
            (Value::Number(number), _) if number.as_u64() == Some(0) => visitor.visit_bool(false),
            (Value::Number(number), _) if number.as_u64() == Some(1) => visitor.visit_bool(true),
            _ => self.refuse("true or false"),
        }
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = self.text().map_or_else(|| self.0.as_f64(), |text| text.parse().ok());
        number.map_or_else(|| self.refuse("a number"), |number| visitor.visit_f64(number))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Bool(value) => visitor.visit_string(value.to_string()),
            Value::Number(value) => visitor.visit_string(value.to_string()),
            _ => self.refuse("text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Lenient))),
            Value::String(text) => {
                let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
                visitor.visit_seq(SeqDeserializer::new(parts.into_iter()))
            }
            Value::Number(_) | Value::Bool(_) => visitor.visit_seq(SeqDeserializer::new(std::iter::once(self))),
            Value::Null | Value::Object(_) => self.refuse("a list, or one text with commas"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields { rest: fields.iter(), current: None }),
            Value::String(text) => match pairs(text) {
                Some(pairs) => visitor.visit_map(MapDeserializer::new(pairs.into_iter())),
                None => self.refuse("an object, or one text of k=v pairs with commas"),
            },
            _ => self.refuse("an object"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor).map_err(de::Error::custom)
    }

    serde::forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any }
}

impl<'de> IntoDeserializer<'de, Error> for Lenient<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// `k=v` pairs separated by commas, as the CLI sends maps; `None` for any other text, for instance an object written as
/// text: what is left out of a rule may let somebody in.
fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    if text.trim_start().starts_with('{') {
        return None;
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|pair| pair.split_once('=').map(|(k, v)| (k.trim(), v.trim()))).collect()
}

/// The fields of an object; `null` counts as not sent.
struct Fields<'a> {
    rest: serde_json::map::Iter<'a>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.rest.by_ref().find(|(_, value)| !value.is_null()) else { return Ok(None) };
        self.current = Some((name, value));
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((name, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(Lenient(value)).map_err(|error: Error| error.within(name))
    }
}
