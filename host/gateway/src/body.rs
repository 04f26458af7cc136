//! What a request carries, read once for all who look at it: the decision, the audit, and whatever answers.

use std::sync::OnceLock;

use model::{Fault, Kind};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Arrival;

/// The parameters of a request: a JSON object, kept as text and taken apart only when somebody looks inside.
pub(crate) struct Body {
    /// Checked to be an object.
    text: Option<Box<RawValue>>,
    /// Taken apart.
    fields: OnceLock<Map<String, Value>>,
}

impl Body {
    /// Reads the parameters. Where the body is taken as it is, only the query is read.
    pub(crate) fn read(arrival: &Arrival, raw: bool) -> Result<Self, Fault> {
        if raw || !arrival.operation.has_body() || arrival.body.is_empty() {
            return Ok(Self { text: None, fields: OnceLock::from(query(arrival)) });
        }
        let text: Box<RawValue> = serde_json::from_slice(&arrival.body).map_err(|e| unreadable(&e))?;
        if !text.get().starts_with('{') {
            return Err(Fault::invalid("the request body must be a JSON object"));
        }
        Ok(Self { text: Some(text), fields: OnceLock::new() })
    }

    /// The parameters, taken apart.
    pub(crate) fn parameters(&self) -> &Map<String, Value> {
        self.fields.get_or_init(|| {
            let text = self.text.as_ref().map_or("{}", |text| text.get());
            // The text was checked when it was read.
            serde_json::from_str(text).unwrap_or_default()
        })
    }

    /// The parameters as they were sent, for an engine.
    pub(crate) fn text(&self) -> Result<String, Fault> {
        let text = match &self.text {
            Some(text) => text.get().to_owned(),
            None => Value::Object(self.parameters().clone()).to_string(),
        };
        if text.len() > sandbox::BODY_MAX {
            return Err(Fault::new(Kind::TooLarge, "an engine takes a body of at most 8 MiB"));
        }
        Ok(text)
    }

    /// The parameters, for the host's own endpoints.
    pub(crate) fn into_fields(self) -> Map<String, Value> {
        self.parameters();
        self.fields.into_inner().unwrap_or_default()
    }
}

/// The parameters, taken apart, for what is answered in front of the corridor.
pub(crate) fn fields(arrival: &Arrival) -> Result<Map<String, Value>, Fault> {
    Body::read(arrival, false).map(Body::into_fields)
}

/// Query parameters: a text each, a list where repeated.
fn query(arrival: &Arrival) -> Map<String, Value> {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in &arrival.query {
        let value = Value::String(value.clone());
        match fields.get_mut(name) {
            None => drop(fields.insert(name.clone(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    fields
}

/// Says where the body stops being JSON, without repeating any of it.
fn unreadable(error: &serde_json::Error) -> Fault {
    Fault::invalid(format!("error parsing JSON: not a JSON object at line {} column {}", error.line(), error.column()))
}
