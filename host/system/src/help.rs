//! `?help=1` at a path that the host answers itself.

use model::{Fault, Reply};
use serde_json::json;

use crate::documented::{self, Shape};

/// Explains a path below `/v1/`, with or without the namespaces that lead to it: none of them can be named like what
/// the host answers.
pub(crate) fn explain(path: &str) -> Result<Reply, Fault> {
    let segments: Vec<&str> = path.split('/').collect();
    let own = segments.iter().position(|segment| matches!(*segment, "sys" | "auth")).unwrap_or_default();
    let documented = documented::find(&segments[own..].join("/")).ok_or_else(Fault::absent)?;
    let mut text = format!("{}\n", documented.path);
    for (operation, about, fields) in documented.does {
        text.push_str(&format!("\n## {}\n\n{about}\n", operation.name()));
        for field in documented::fields(fields) {
            let needed = if field.required { ", needed" } else { "" };
            text.push_str(&format!("\n    {} ({}{needed})\n", field.name, named(field.shape)));
        }
    }
    Ok(Reply::bare(200, json!({ "help": text, "see_also": null, "openapi": null })))
}

fn named(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "string",
        Shape::Boolean => "bool",
        Shape::Number => "int",
        Shape::Duration => "duration",
        Shape::List => "list of strings",
        Shape::Object => "map",
    }
}
