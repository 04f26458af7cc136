//! `?help=1`: explains a path of an engine.

use model::{Fault, Reply};
use sandbox::{Descriptor, FieldKind, Route};
use serde_json::json;

pub(crate) fn explain(descriptor: &Descriptor, route: Option<&Route>) -> Result<Reply, Fault> {
    let mut text = format!("{} {}\n\n{}\n", descriptor.name, descriptor.version, descriptor.about);
    match route {
        None => {
            text.push_str("\n## PATHS\n");
            for route in &descriptor.routes {
                text.push_str(&format!("\n    {}\n        {}\n", route.template, route.about));
            }
        }
        Some(route) => {
            text.push_str(&format!("\n{}\n    {}\n", route.template, route.about));
            for action in &route.actions {
                text.push_str(&format!("\n## {}\n\n{}\n", action.operation.name(), action.about));
                for field in &action.fields {
                    let default = field.default.as_ref().map_or_else(String::new, |d| format!(", default {d}"));
                    text.push_str(&format!(
                        "\n    {} ({}{default})\n        {}\n",
                        field.name,
                        kind(field.kind),
                        field.about
                    ));
                }
            }
        }
    }
    Ok(Reply::bare(200, json!({ "help": text, "see_also": null, "openapi": null })))
}

fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "string",
        FieldKind::Boolean => "bool",
        FieldKind::Integer => "int",
        FieldKind::Duration => "duration",
        FieldKind::TextList => "list of strings",
        FieldKind::TextMap => "map of strings",
        FieldKind::Any => "any",
    }
}
