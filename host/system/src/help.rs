//! `?help=1` at a path that the host answers itself.

use model::{Fault, Reply};
use serde_json::json;

use crate::documented::{self, Documented, Shape};

/// Explains a path below `/v1/`, with or without the namespaces that lead to it: none of them can be named like what
/// the host answers.
pub(crate) fn explain(path: &str) -> Result<Reply, Fault> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_own = |segment: &&str| matches!(*segment, "sys" | "auth" | "identity" | "cubbyhole");
    let own = segments.iter().position(is_own).unwrap_or_default();
    let path = segments[own..].join("/");
    let text = match documented::find(&path) {
        Some(documented) => one(documented),
        None => below(&format!("{path}/"))?,
    };
    Ok(Reply::bare(200, json!({ "help": text, "see_also": null, "openapi": null })))
}

/// What there is below a path that is none itself.
fn below(folder: &str) -> Result<String, Fault> {
    let mut text = format!("{folder}\n\n## PATHS\n");
    let before = text.len();
    for documented in documented::ALL.iter().filter(|documented| documented.path.starts_with(folder)) {
        text.push_str(&format!("\n    {}\n", documented.path));
        for (_, about, _) in documented.does {
            text.push_str(&format!("        {about}\n"));
        }
    }
    if text.len() == before { Err(Fault::absent()) } else { Ok(text) }
}

fn one(documented: &Documented) -> String {
    let mut text = format!("{}\n", documented.path);
    for (operation, about, fields) in documented.does {
        text.push_str(&format!("\n## {}\n\n{about}\n", operation.name()));
        for field in documented::fields(fields) {
            let needed = if field.required { ", needed" } else { "" };
            text.push_str(&format!("\n    {} ({}{needed})\n", field.name, named(field.shape)));
        }
    }
    text
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
