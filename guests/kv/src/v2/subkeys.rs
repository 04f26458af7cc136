//! `subkeys/<path>`: the names inside a secret, without the values.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

use super::{Found, absent, find};
use crate::place::Place;
use crate::records::{Kept, Path};

/// The names inside a secret.
pub(crate) struct Subkeys;

body! {
    /// What is read.
    pub(crate) struct Body {
        /// Number of the version; 0 is the latest.
        pub(crate) version: u64,
        /// How many levels of names are told; 0 is all.
        pub(crate) depth: u64,
    }
}

impl Place for Subkeys {
    const PREFIX: &'static str = "subkeys";

    fn read(request: &Request) -> Answer {
        let Body { version, depth } = request.body()?;
        match find(&Path::of(request)?, version)? {
            Found::Nothing => Ok(Response::nothing()),
            Found::Gone(facts) => Ok(absent(request, json!({ "subkeys": null, "metadata": facts }), &[])),
            Found::There(value, facts) => {
                let levels = if depth == 0 { u64::MAX } else { depth };
                Response::data(&json!({ "subkeys": names(whole(&value)?, levels), "metadata": facts }))
            }
        }
    }
}

/// A value taken apart, for its names.
fn whole(value: &Kept) -> Result<Map, Fault> {
    let text = serde_json::to_string(value).and_then(|text| serde_json::from_str(&text));
    text.map_err(|e| Fault::internal(format!("a value that was kept cannot be read: {e}")))
}

/// The names of an object, `null` in place of whatever is no object, is empty, or lies too deep.
fn names(value: Map, levels: u64) -> Value {
    let inside = |value| match value {
        Value::Object(inner) if levels > 1 && !inner.is_empty() => names(inner, levels - 1),
        _ => Value::Null,
    };
    Value::Object(value.into_iter().map(|(name, value)| (name, inside(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ask, data_of, refusal, write};
    use super::*;
    use crate::v2::data::Data;

    #[test]
    fn names_are_told_as_deep_as_asked_and_values_never() {
        let value = json!({ "a": "secret", "b": { "c": ["secret"], "d": { "e": 1 } }, "f": {} });
        Data::update(&ask(json!({ "data": value }))).unwrap();
        let subkeys = |depth: Value| data_of(Subkeys::read(&ask(json!({ "depth": depth }))))["subkeys"].clone();
        let all = json!({ "a": null, "b": { "c": null, "d": { "e": null } }, "f": null });
        assert_eq!((subkeys(json!(0)), subkeys(json!(9))), (all.clone(), all));
        assert_eq!(subkeys(json!("1")), json!({ "a": null, "b": null, "f": null }));
        assert_eq!(subkeys(json!(2)), json!({ "a": null, "b": { "c": null, "d": null }, "f": null }));
    }

    #[test]
    fn a_version_can_be_named_and_its_facts_are_told() {
        Data::update(&ask(json!({ "data": { "old": 1 } }))).unwrap();
        write(1);
        let read = data_of(Subkeys::read(&ask(json!({ "version": 1 }))));
        assert_eq!((&read["subkeys"], &read["metadata"]["version"]), (&json!({ "old": null }), &json!(1)));
        assert_eq!(data_of(Subkeys::read(&ask(json!({}))))["subkeys"], json!({ "n": null }));
    }

    #[test]
    fn what_is_gone_or_never_was_has_no_names() {
        assert_eq!(Subkeys::read(&ask(json!({}))).unwrap().data_text(), None);
        write(1);
        Data::delete(&ask(json!({}))).unwrap();
        assert_eq!(Subkeys::read(&ask(json!({}))).unwrap().data_text(), None);
        assert!(refusal(Subkeys::read(&ask(json!({ "depth": "deep" })))).starts_with("depth"));
    }
}
