//! What a request carries, read as its route wants it.

use model::{Fault, Kind};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Arrival;

/// The parameters as a JSON object in text, checked but not taken apart: the engine does that.
pub(crate) fn text(arrival: &Arrival) -> Result<String, Fault> {
    if !arrival.operation.has_body() || arrival.body.is_empty() {
        return Ok(Value::Object(query(arrival)).to_string());
    }
    if arrival.body.len() > sandbox::BODY_MAX {
        return Err(Fault::new(Kind::TooLarge, "an engine takes a body of at most 8 MiB"));
    }
    let object: &RawValue = serde_json::from_slice(&arrival.body).map_err(|e| unreadable(&e))?;
    if !object.get().starts_with('{') {
        return Err(Fault::invalid("the request body must be a JSON object"));
    }
    Ok(object.get().to_owned())
}

/// The parameters, taken apart, for the host's own endpoints.
pub(crate) fn fields(arrival: &Arrival) -> Result<Map<String, Value>, Fault> {
    if !arrival.operation.has_body() || arrival.body.is_empty() {
        return Ok(query(arrival));
    }
    match serde_json::from_slice(&arrival.body).map_err(|e| unreadable(&e))? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Fault::invalid("the request body must be a JSON object")),
    }
}

/// Query parameters: a text each, a list where repeated.
pub(crate) fn query(arrival: &Arrival) -> Map<String, Value> {
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
