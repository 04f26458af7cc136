//! What a request carries, read once for all who look at it: the decision, the audit, and whatever answers.

use std::sync::OnceLock;

use model::{Fault, Kind};
use serde_json::{Map, Value};

use crate::{Arrival, json};

/// The parameters of a request: a JSON object, kept as text and taken apart only when somebody looks inside.
pub(crate) struct Body {
    /// Checked to be an object that everybody reads alike.
    text: Option<String>,
    /// The names in it, in no order.
    names: Vec<String>,
    /// Taken apart.
    fields: OnceLock<Map<String, Value>>,
}

impl Body {
    /// Reads the parameters. Where the body is taken as it is, only the query is read.
    pub(crate) fn read(arrival: &Arrival, raw: bool, most: usize) -> Result<Self, Fault> {
        if !raw && arrival.operation.has_body() && arrival.body.is_empty() {
            return Ok(Self { text: None, names: Vec::new(), fields: OnceLock::new() });
        }
        if raw || !arrival.operation.has_body() {
            return Ok(Self { text: None, names: Vec::new(), fields: OnceLock::from(query(arrival)) });
        }
        if arrival.body.len() > most {
            return Err(Fault::new(Kind::TooLarge, format!("this path takes a body of at most {} MiB", most >> 20)));
        }
        let names = json::names(&arrival.body).map_err(Fault::invalid)?;
        let text = std::str::from_utf8(&arrival.body).map_err(|_| Fault::invalid("the request body is not UTF-8"))?;
        Ok(Self { text: Some(text.trim_ascii().to_owned()), names, fields: OnceLock::new() })
    }

    /// The parameters, taken apart.
    pub(crate) fn parameters(&self) -> &Map<String, Value> {
        self.fields.get_or_init(|| {
            // What was checked reads.
            serde_json::from_str(self.text.as_deref().unwrap_or("{}")).unwrap_or_default()
        })
    }

    /// The names that stand in a body, in no order; none of a query. They are given once, for there may be many of them.
    pub(crate) fn take_names(&mut self) -> Vec<String> {
        std::mem::take(&mut self.names)
    }

    /// How long the parameters are in text, about: in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.as_ref().map_or(0, String::len)
    }

    /// The parameters as they were sent, for an engine.
    pub(crate) fn text(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => Value::Object(self.parameters().clone()).to_string(),
        }
    }

    /// The parameters, for the host's own endpoints, and their text as it was sent.
    pub(crate) fn into_parts(self) -> (Map<String, Value>, Option<String>) {
        self.parameters();
        (self.fields.into_inner().unwrap_or_default(), self.text)
    }
}

/// The parameters, taken apart, for what is answered in front of the corridor.
pub(crate) fn fields(arrival: &Arrival) -> Result<Map<String, Value>, Fault> {
    Body::read(arrival, false, sandbox::BODY_MAX).map(|body| body.into_parts().0)
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
