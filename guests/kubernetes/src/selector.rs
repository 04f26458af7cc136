//! Selectors of labels, as Kubernetes writes them (`LabelSelector` of `meta/v1`), in JSON.

use std::collections::BTreeMap;

use innkeeper_guest::serde_json::{self, Value};
use innkeeper_guest::{Fault, Map};
use serde::Deserialize;

/// The field that selectors come in.
const FIELD: &str = "bound_service_account_namespace_selector";

/// What labels must be.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| Fault::invalid(format!("invalid {FIELD:?} configured: {why}"));
        let selector: Self = serde_json::from_str(text)
            .map_err(|_| wrong("must be JSON (not YAML) of matchLabels and matchExpressions"))?;
        if selector.match_labels.is_empty() && selector.match_expressions.is_empty() {
            return Err(wrong("an empty selector would select every namespace; use \"*\" as namespace for that"));
        }
        for expression in &selector.match_expressions {
            let wants_values = matches!(expression.operator, Operator::In | Operator::NotIn);
            if wants_values == expression.values.is_empty() {
                return Err(wrong("In and NotIn need values, Exists and DoesNotExist take none"));
            }
        }
        Ok(selector)
    }

    /// Whether these labels are selected.
    pub(crate) fn selects(&self, labels: &Map) -> bool {
        let has = |key: &str| labels.get(key).and_then(Value::as_str);
        self.match_labels.iter().all(|(key, value)| has(key) == Some(value))
            && self.match_expressions.iter().all(|expression| {
                let value = has(&expression.key);
                let listed = value.is_some_and(|value| expression.values.iter().any(|one| one == value));
                match expression.operator {
                    Operator::In => listed,
                    Operator::NotIn => !listed,
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::prelude::json;

    use super::*;

    #[test]
    fn labels_are_selected_by_all_that_is_said_of_them() {
        let Value::Object(labels) = json!({"team": "shop", "tier": "front"}) else { unreachable!() };
        let by = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (selector, selected) in [
            (json!({"matchLabels": {"team": "shop"}}), true),
            (json!({"matchLabels": {"team": "shop", "tier": "back"}}), false),
            (json!({"matchLabels": {"none": ""}}), false),
            (by("team", "In", json!(["a", "shop"])), true),
            (by("team", "In", json!(["a"])), false),
            (by("team", "NotIn", json!(["a"])), true),
            (by("none", "NotIn", json!(["a"])), true),
            (by("team", "NotIn", json!(["shop"])), false),
            (by("team", "Exists", json!([])), true),
            (by("none", "Exists", json!([])), false),
            (by("none", "DoesNotExist", json!([])), true),
        ] {
            assert_eq!(Selector::parse(&selector.to_string()).unwrap().selects(&labels), selected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_or_selects_everything_is_refused() {
        for text in [
            "",
            "{}",
            "matchLabels:\n  team: shop",
            r#"{"matchLabel":{"a":"b"}}"#,
            r#"{"matchLabels":{"a":1}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Like","values":["b"]}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]}"#,
        ] {
            assert!(Selector::parse(text).unwrap_err().messages[0].contains(FIELD), "{text}");
        }
    }
}
