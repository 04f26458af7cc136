//! Values in tables, in the words that stock clients print.

use serde_json::Value;

/// Texts as they are, lists as `[a b]`, maps as `map[a:b]`, nothing as `<nil>`.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(words).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut pairs: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", words(value))).collect();
            pairs.sort_unstable();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

/// Policies: `["a" "b"]`.
pub(super) fn quoted(value: &Value) -> String {
    let items = value.as_array().into_iter().flatten();
    let quoted: Vec<String> = items.map(|item| format!("{:?}", item.as_str().unwrap_or_default())).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_words_of_stock_clients() {
        let value = json!({"b": [1, "x", true], "a": null, "c": {}});
        assert_eq!(words(&value), "map[a:<nil> b:[1 x true] c:map[]]");
        assert_eq!(quoted(&json!(["default", "a b"])), r#"["default" "a b"]"#);
    }
}
