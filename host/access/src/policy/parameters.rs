//! The parameters that a rule names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::normalized;

/// Names in lower case, each with the values that are meant; no values mean all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters(pub(crate) BTreeMap<String, Vec<Value>>);

/// Names every parameter.
const ALL: &str = "*";

impl Parameters {
    /// Those of another policy join these. A name without values stays, or becomes, one without values.
    pub(crate) fn merge(&mut self, more: &Self) {
        for (name, values) in &more.0 {
            match self.0.get_mut(name) {
                None => {
                    self.0.insert(name.clone(), values.clone());
                }
                Some(mine) if mine.is_empty() || values.is_empty() => mine.clear(),
                Some(mine) => mine.extend(values.iter().cloned()),
            }
        }
    }

    /// Whether one of these is in a request: as denied parameters.
    pub(crate) fn forbid(&self, sent: &Map<String, Value>) -> bool {
        if self.0.contains_key(ALL) {
            return true;
        }
        sent.iter().any(|(name, value)| {
            let name = name.to_lowercase();
            // What reads a list drops white space around its entries.
            let fits =
                |one: &Value, value: &Value| fits(one, value) || trimmed(value).is_some_and(|text| fits(one, &text));
            let listed =
                |value: &Value, values: &[Value]| values.is_empty() || values.iter().any(|one| fits(one, value));
            self.0.get(&name).is_some_and(|values| {
                let value = canonical(&name, value);
                listed(&value, values) || elements(&value).iter().any(|element| listed(element, values))
            })
        })
    }

    /// Whether all of a request's are among these: as allowed parameters. None of these allow all.
    pub(crate) fn permit(&self, sent: &Map<String, Value>) -> bool {
        let others = self.0.is_empty() || self.0.contains_key(ALL);
        sent.iter().all(|(name, value)| {
            let name = name.to_lowercase();
            let Some(values) = self.0.get(&name) else { return others };
            let value = canonical(&name, value);
            let listed = |value: &Value| values.iter().any(|one| fits(one, value));
            // A pattern for the whole would let in whatever stands beside one part that it fits.
            let split = elements(&value);
            values.is_empty()
                || values.contains(&value)
                || matches!(*value, Value::Array(_)) && split.is_empty()
                || if split.is_empty() { listed(&value) } else { split.iter().all(listed) }
        })
    }
}

/// Policies are named without regard to case, so their names are compared that way.
fn canonical<'a>(name: &str, value: &'a Value) -> Cow<'a, Value> {
    if !matches!(name, "policies" | "token_policies") {
        return Cow::Borrowed(value);
    }
    match value {
        Value::String(text) => Cow::Owned(Value::String(normalized(text))),
        Value::Array(items) => {
            let lower = |item: &Value| item.as_str().map_or_else(|| item.clone(), |text| normalized(text).into());
            Cow::Owned(Value::Array(items.iter().map(lower).collect()))
        }
        other => Cow::Borrowed(other),
    }
}

/// A text without the white space around it, if there is any.
fn trimmed(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    (text.trim().len() < text.len()).then(|| text.trim().into())
}

/// What a list holds, or a text with commas, which is a list for most parameters.
fn elements(value: &Value) -> Cow<'_, [Value]> {
    match value {
        Value::Array(items) => Cow::Borrowed(items),
        Value::String(text) if text.contains(',') => {
            Cow::Owned(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect())
        }
        _ => Cow::Borrowed(&[]),
    }
}

/// Whether a value is the one that a policy names. Its texts may have a star at either end.
fn fits(named: &Value, sent: &Value) -> bool {
    match (named, sent) {
        (Value::String(pattern), Value::String(text)) => text_fits(pattern, text),
        // The same number may be written in several ways.
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
        }
        _ => named == sent,
    }
}

fn text_fits(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_fit_with_a_star_at_either_end() {
        for (pattern, text, wanted) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "*", true),
            ("*", "a", false),
            ("**", "anything", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("*a*", "bac", true),
            ("*a*", "b", false),
            ("a*b", "axb", false),
            ("a*b", "a*b", true),
        ] {
            assert_eq!(text_fits(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn a_value_is_denied_with_white_space_around_it_too() {
        let denied = Parameters([("names".to_owned(), vec![json!("admin")])].into());
        for (sent, wanted) in [(json!(" admin"), true), (json!(["a", "admin "]), true), (json!("adm in"), false)] {
            let Value::Object(body) = json!({ "names": sent }) else { panic!("an object") };
            assert_eq!(denied.forbid(&body), wanted, "{sent}");
        }
    }

    #[test]
    fn values_of_other_types_fit_themselves_only() {
        assert!(fits(&json!(true), &json!(true)));
        assert!(!fits(&json!("true"), &json!(true)));
        assert!(fits(&json!(5), &json!(5.0)));
        assert!(!fits(&json!(9_007_199_254_740_992_u64), &json!(9_007_199_254_740_993_u64)));
        assert!(fits(&json!([1, "a"]), &json!([1, "a"])));
        assert!(fits(&Value::Null, &Value::Null));
        assert!(!fits(&json!("x"), &Value::Null));
    }
}
