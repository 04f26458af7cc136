//! `sys/internal/specs/openapi`: the paths of a namespace as an OpenAPI document, made of what the host and the engines
//! say of themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Fault, MountClass, Operation, Reply};
use sandbox::{Action, Descriptor, FieldKind};
use serde_json::{Map, Value, json};
use tenancy::Mount;

use crate::documented::{self, Shape};
use crate::{Call, System, params, unsupported};

/// Most paths in one document. Where the mounts of a namespace have more, each type of engine stands for its mounts.
const PATHS_MAX: usize = 4000;
/// The version of OpenAPI.
const VERSION: &str = "3.0.2";

/// Answers with the document.
pub(crate) fn document(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::Update) {
        return Err(unsupported());
    }
    let generic = params::flag(&call.body, "generic_mount_paths")?.unwrap_or_default();
    let mut paths = Paths::default();
    for documented in documented::ALL {
        native(system, &mut paths, documented);
    }
    // Only the mounts that the caller may see, as `sys/internal/ui/mounts` shows them.
    let acl = call.admitted.acl();
    let seen =
        |mount: &&Arc<Mount>| acl.is_some_and(|acl| acl.reaches(&format!("{}{}", call.namespace.path, mount.path)));
    let mounts: Vec<_> = call.tree.mounts(call.namespace.id).filter(seen).collect();
    let routes = |mount: &Mount| system.catalog.at_hand(mount).map_or(0, |guest| guest.descriptor.routes.len());
    let all: usize = mounts.iter().map(|mount| routes(mount)).sum();
    if generic || all > PATHS_MAX {
        let kinds: BTreeMap<&str, &Mount> = mounts.iter().map(|mount| (mount.kind.as_str(), &***mount)).collect();
        for (kind, mount) in kinds {
            let name = format!("{}_mount_path", kind.replace('-', "_"));
            let below = if mount.class == MountClass::Auth { "auth/" } else { "" };
            engine(system, &mut paths, mount, &format!("{below}{{{name}}}"), Some((&name, kind)));
        }
    } else {
        for mount in mounts {
            engine(system, &mut paths, mount, mount.path.as_str().trim_end_matches('/'), None);
        }
    }
    Ok(Reply::bare(
        200,
        json!({
            "openapi": VERSION,
            "info": {
                "title": "Innkeeper", "description": "The paths of one namespace, below /v1.",
                "version": system.info.reported_version,
                "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
            },
            "servers": [{ "url": "/v1" }],
            "paths": paths.0,
            "components": { "schemas": {}, "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-Vault-Token" },
            } },
            "security": [{ "token": [] }],
        }),
    ))
}

/// Paths with what can be done at each.
#[derive(Default)]
struct Paths(Map<String, Value>);

/// One operation, as OpenAPI wants it.
struct Described {
    operation: Operation,
    summary: String,
    tag: &'static str,
    id: String,
    body: Value,
    raw: bool,
    unauthenticated: bool,
    sudo: bool,
    query: Vec<Value>,
}

impl Paths {
    /// Adds an operation at a path with captures, `{name}` or `{*name}`.
    fn add(&mut self, path: &str, default: Option<(&str, &str)>, described: Described) {
        let path = path.replace("{*", "{");
        let is_list = described.operation == Operation::List;
        // Lists stand at the path with a slash behind it, which is how GET asks for them.
        let at = format!("/{path}{}", if is_list { "/" } else { "" });
        let item = self.0.entry(at).or_insert_with(|| json!({ "parameters": captures(&path, default) }));
        let method = match described.operation {
            Operation::Read | Operation::List => "get",
            Operation::Create | Operation::Update => "post",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
        };
        if let Value::Object(item) = item {
            item.insert(method.to_owned(), described.value());
        }
    }
}

impl Described {
    fn value(self) -> Value {
        let mut query = self.query;
        if self.operation == Operation::List {
            query.push(json!({
                "name": "list", "in": "query", "required": true, "schema": { "type": "string", "enum": ["true"] },
            }));
        }
        let mut value = json!({
            "summary": self.summary, "operationId": self.id, "tags": [self.tag], "parameters": query,
            "responses": { "200": { "description": "OK" }, "204": { "description": "Nothing to answer with." } },
        });
        let Value::Object(fields) = &mut value else { return value };
        if self.operation.has_body() {
            let media = match self.operation {
                _ if self.raw => "application/octet-stream",
                Operation::Patch => "application/merge-patch+json",
                _ => "application/json",
            };
            let schema = if self.raw { json!({ "type": "string", "format": "binary" }) } else { self.body };
            fields.insert("requestBody".into(), json!({ "content": { media: { "schema": schema } } }));
        }
        if self.unauthenticated {
            fields.insert("x-vault-unauthenticated".into(), true.into());
            fields.insert("security".into(), json!([]));
        }
        if self.sudo {
            fields.insert("x-vault-sudo".into(), true.into());
        }
        value
    }
}

/// The parts of a path that callers choose.
fn captures(path: &str, default: Option<(&str, &str)>) -> Vec<Value> {
    let parameter = |name: &str| {
        let mut schema = json!({ "type": "string" });
        if let (Some((own, value)), Value::Object(schema)) = (default, &mut schema)
            && own == name
        {
            schema.insert("default".into(), value.into());
        }
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    };
    documented::captures(path).map(parameter).collect()
}

/// A name for an operation that no other has: the words of its path.
fn id(operation: Operation, path: &str) -> String {
    let letter = |c: char| match c {
        '-' | '.' => Some('_'),
        c => (c.is_ascii_alphanumeric() || c == '_').then_some(c),
    };
    let words: Vec<String> = path.split('/').map(|part| part.chars().filter_map(letter).collect()).collect();
    format!("{}-{}", words.join("-"), operation.name())
}

fn native(system: &System, paths: &mut Paths, documented: &documented::Documented) {
    let below = documented.path.strip_prefix("sys/");
    let of_tokens = documented.path.strip_prefix("auth/token/");
    let found = match below {
        Some(below) => system.routes.find(below),
        None => of_tokens.and_then(|below| system.routes.find_token(below)),
    };
    let demands = found.map(|(_, demands)| demands);
    for (operation, about, fields) in documented.does {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in documented::fields(fields) {
            properties.insert(field.name.to_owned(), shape(field.shape));
            if field.required {
                required.push(Value::from(field.name));
            }
        }
        let query = if operation.has_body() { Vec::new() } else { in_query(&properties) };
        let (unauthenticated, sudo) = match demands {
            Some(demands) => (demands.unauthenticated, demands.sudo),
            None => (below.is_some(), false),
        };
        let described = Described {
            operation: *operation,
            summary: (*about).to_owned(),
            tag: match documented.path.split_once('/') {
                Some(("sys", _)) => "system",
                Some(("identity", _)) => "identity",
                Some(("cubbyhole", _)) => "secrets",
                _ => "auth",
            },
            id: id(*operation, documented.path),
            body: object(properties, required),
            raw: operation.has_body() && System::takes_upload(*operation, documented.path),
            unauthenticated,
            sudo,
            query,
        };
        paths.add(documented.path, None, described);
    }
}

fn engine(system: &System, paths: &mut Paths, mount: &Mount, at: &str, default: Option<(&str, &str)>) {
    let Some(guest) = system.catalog.at_hand(mount) else { return };
    let Descriptor { routes, .. } = &guest.descriptor;
    for route in routes {
        let path = format!("{at}/{}", route.template);
        for action in &route.actions {
            paths.add(&path, default, described(action, id(action.operation, &path)));
        }
    }
}

fn described(action: &Action, id: String) -> Described {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in &action.fields {
        let mut schema = kind(field.kind, field.default.as_deref());
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".into(), field.about.as_str().into());
        }
        properties.insert(field.name.clone(), schema);
        if field.required {
            required.push(Value::from(field.name.as_str()));
        }
    }
    let query = if action.operation.has_body() { Vec::new() } else { in_query(&properties) };
    Described {
        operation: action.operation,
        summary: action.about.clone(),
        tag: "secrets",
        id,
        body: object(properties, required),
        raw: action.raw_body,
        unauthenticated: action.unauthenticated,
        sudo: action.sudo,
        query,
    }
}

/// What has no body takes its fields from the query.
fn in_query(properties: &Map<String, Value>) -> Vec<Value> {
    properties.iter().map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema })).collect()
}

fn object(properties: Map<String, Value>, required: Vec<Value>) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (false, Value::Object(schema)) = (required.is_empty(), &mut schema) {
        schema.insert("required".into(), required.into());
    }
    schema
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "integer" }),
        Shape::Duration => json!({ "type": "string", "format": "duration" }),
        Shape::List => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Object => json!({ "type": "object", "additionalProperties": true }),
    }
}

fn kind(kind: FieldKind, default: Option<&str>) -> Value {
    let mut schema = match kind {
        FieldKind::Text => shape(Shape::Text),
        FieldKind::Boolean => shape(Shape::Boolean),
        FieldKind::Integer => shape(Shape::Number),
        FieldKind::Duration => shape(Shape::Duration),
        FieldKind::TextList => shape(Shape::List),
        FieldKind::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        FieldKind::Any => json!({}),
    };
    // A default is text in the contract; only where its shape is sure is it one here.
    let value = default.and_then(|text| match kind {
        FieldKind::Text | FieldKind::Duration => Some(Value::from(text)),
        FieldKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        FieldKind::Integer => text.parse::<i64>().ok().map(Value::from),
        FieldKind::TextList | FieldKind::TextMap | FieldKind::Any => None,
    });
    if let (Some(value), Value::Object(schema)) = (value, &mut schema) {
        schema.insert("default".into(), value);
    }
    schema
}
