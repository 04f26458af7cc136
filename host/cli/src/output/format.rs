//! The formats, and the two for programs.

use serde_json::Value;

use super::clean::{json_visible, visible};
use crate::Error;

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// What the server answered.
    Json,
    /// The same as YAML.
    #[value(alias = "yml")]
    Yaml,
    /// The bytes of the answer, for `read`.
    Raw,
}

impl Format {
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        <Self as clap::ValueEnum>::from_str(name, true)
            .map_err(|_| Error::Usage(format!("VAULT_FORMAT must be table, json, yaml or raw, and is {name:?}")))
    }
}

pub(super) fn json(value: &Value) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|_| Error::Unreadable("the server's answer cannot be shown as JSON".into()))?;
    Ok(json_visible(&text))
}

pub(super) fn yaml(value: &Value) -> Result<String, Error> {
    let text = serde_saphyr::to_string(value);
    let text = text.map_err(|_| Error::Unreadable("the server's answer cannot be shown as YAML".into()))?;
    let text = text.trim_end();
    // What a terminal would act on has a spelling only within quotes. JSON has those everywhere, and is YAML too.
    if visible(text) == text { Ok(text.to_owned()) } else { json(value) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_get_json_and_yaml() {
        let value = json!({"a": ["b", 1, null], "c": {"d": "e: f", "on": "yes"}});
        assert_eq!(serde_json::from_str::<Value>(&json(&value).unwrap()).unwrap(), value);
        let yaml = yaml(&value).unwrap();
        assert!(yaml.contains("a:\n") && yaml.contains("- b") && !yaml.ends_with('\n'), "{yaml}");
        assert!(yaml.contains("\"e: f\"") || yaml.contains("'e: f'"), "{yaml}");
        assert!(yaml.contains("\"yes\"") || yaml.contains("'yes'"), "{yaml}");
    }

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_so_that_programs_read_it_back() {
        let value = json!({"a": ["x\u{202e}y"], "b": "c"});
        let text = yaml(&value).unwrap();
        assert!(text.contains(r#""x\u202ey""#), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_format_is_named_in_any_case() {
        assert_eq!(Format::named("JSON").unwrap(), Format::Json);
        assert_eq!(Format::named("yml").unwrap(), Format::Yaml);
        assert!(Format::named("xml").is_err());
    }
}
