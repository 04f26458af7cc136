//! `sys/plugins/catalog`: the components that mounts can be made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Fault, NamespacePath, Operation, PluginType, Reply};
use plugins::{Code, Plugin, Source, Version};
use serde_json::{Map, Value, json};
use tenancy::Running;

use crate::{Call, System, params, unsupported};

/// Longest name of a plugin, in bytes.
const NAME_MAX: usize = 63;

/// Reads a sort of plugins. Databases have none here.
pub(crate) fn class(word: &str) -> Result<PluginType, Fault> {
    PluginType::parse(word).ok_or_else(|| Fault::invalid("type: must be \"secret\", \"auth\" or \"policy\""))
}

/// Reads a name, which becomes a mount type.
pub(crate) fn name(text: &str) -> Result<&str, Fault> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
    let fine = text.len() <= NAME_MAX && text.bytes().all(plain) && text.starts_with(|c: char| c.is_ascii_lowercase());
    if fine { Ok(text) } else { Err(Fault::invalid("name: must be [a-z][a-z0-9_-]{0,62}")) }
}

/// Reads a version; empty where none is said.
pub(crate) fn version(body: &Map<String, Value>, field: &str) -> Result<Version, Fault> {
    Ok(Version::parse(params::text(body, field)?.unwrap_or_default())?)
}

/// `sys/plugins/catalog`.
pub(crate) async fn all(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let mut detailed = Vec::new();
    let mut names = Map::from_iter([("database".to_owned(), json!([]))]);
    let registered = plugins::all(call.transaction).await?;
    for class in PluginType::ALL {
        let of: Vec<&Plugin> = registered.iter().filter(|plugin| plugin.class == class).collect();
        names.insert(class.name().to_owned(), json!(named(system, class, &of)));
        for name in system.catalog.names(class) {
            detailed.extend(system.catalog.builtin_title(class, name).map(|(version, ..)| {
                json!({
                    "type": class.name(), "name": name, "builtin": true, "deprecation_status": "supported",
                    "version": builtin_version(version),
                })
            }));
        }
        detailed.extend(of.iter().map(|plugin| {
            let mut one = json!({
                "type": class.name(), "name": plugin.name, "builtin": false, "version": plugin.version,
                "sha256": plugin.sha256,
            });
            if !plugin.oci_image.is_empty() {
                one["oci_image"] = json!(plugin.oci_image);
            }
            one
        }));
    }
    names.insert("detailed".to_owned(), json!(detailed));
    Ok(Reply::flattened(names))
}

fn named(system: &System, class: PluginType, of: &[&Plugin]) -> Vec<String> {
    let mut names: Vec<String> = system.catalog.names(class).into_iter().map(str::to_owned).collect();
    names.extend(of.iter().map(|plugin| plugin.name.clone()));
    names.sort_unstable();
    names.dedup();
    names
}

fn builtin_version(version: &str) -> String {
    format!("v{version}+builtin")
}

/// Below `sys/plugins/catalog/`: `:type`, and `:type/:name`.
pub(crate) async fn at(system: &System, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    // Clients ask for each sort that Vault has.
    if path == "database" && matches!(call.operation, Operation::Read | Operation::List) {
        return Reply::data(&json!({ "keys": [] }));
    }
    let Some((sort, named)) = path.split_once('/') else { return of(system, call, class(path)?).await };
    let (class, named) = (class(sort)?, name(named)?);
    match call.operation {
        Operation::Read => read(system, call, class, named).await,
        Operation::Update => register(system, call, class, named).await,
        Operation::Delete => {
            let version = version(&call.body, "version")?;
            if let Some(plugin) = plugins::find(call.transaction, class, named, &version).await? {
                plugins::remove(call.transaction, call.tree, &plugin).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

async fn of(system: &System, call: Call<'_>, class: PluginType) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let of = plugins::of(call.transaction, class).await?;
    Reply::data(&json!({ "keys": named(system, class, &of.iter().collect::<Vec<_>>()) }))
}

async fn read(system: &System, call: Call<'_>, class: PluginType, named: &str) -> Result<Reply, Fault> {
    let asked = params::text(&call.body, "version")?.unwrap_or_default();
    let builtin = system.catalog.builtin_title(class, named);
    if let Some(title) = builtin
        && asked == builtin_version(title.0)
    {
        return shown_builtin(named, title);
    }
    let version = Version::parse(asked)?;
    let found = match plugins::find(call.transaction, class, named, &version).await? {
        Some(plugin) => Some(plugin),
        None if version.is_none() => plugins::resolve(call.transaction, class, named, &version).await?,
        None => None,
    };
    match (found, builtin) {
        (Some(plugin), _) => {
            let code = Code::find(call.transaction, &plugin.sha256).await?;
            let signed_by = system.catalog.signed_by(call.transaction, &plugin, code.as_ref()).await;
            Reply::data(&shown(&plugin, code.as_ref(), signed_by.as_deref()))
        }
        (None, Some(title)) if version.is_none() => shown_builtin(named, title),
        (None, _) => Err(Fault::absent()),
    }
}

fn shown_builtin(name: &str, (version, about, imports): (&str, &str, &[String])) -> Result<Reply, Fault> {
    Reply::data(&json!({
        "name": name, "builtin": true, "command": "", "args": null, "sha256": "", "deprecation_status": "supported",
        "version": builtin_version(version), "about": about, "imports": imports,
    }))
}

/// `signed_by`: those of the configuration's signers whose key made the signature; none where that is not known now.
fn shown(plugin: &Plugin, code: Option<&Code>, signed_by: Option<&Vec<String>>) -> Value {
    let mut data = json!({
        "name": plugin.name, "builtin": false, "command": plugin.command, "args": [], "sha256": plugin.sha256,
        "version": plugin.version, "oci_image": plugin.oci_image, "signature": plugin.signature,
        "signed_by": signed_by,
    });
    if let (Value::Object(fields), Some(code)) = (&mut data, code) {
        let source = match code.source {
            Source::Stored { .. } => "store",
            Source::File { .. } => "plugin_directory",
            Source::Image { .. } => "oci_image",
        };
        fields.insert("about".into(), json!(code.about));
        fields.insert("imports".into(), json!(code.imports));
        fields.insert("says_name".into(), json!(code.names_itself));
        fields.insert("says_version".into(), json!(code.version));
        fields.insert("size".into(), json!(code.size));
        fields.insert("source".into(), json!(source));
    }
    data
}

async fn register(system: &System, call: Call<'_>, class: PluginType, name: &str) -> Result<Reply, Fault> {
    let body = &call.body;
    refuse_others(body)?;
    let sent = component(body)?;
    let command = params::text(body, "command")?.unwrap_or_default();
    let sha256 = sha256(body)?.ok_or_else(|| Fault::invalid("sha256: missing SHA-256 value"))?;
    let image = params::text(body, "oci_image")?.unwrap_or_default();
    match (&sent, command, image) {
        (None, "", "") => return Err(Fault::invalid("command: missing command value")),
        (Some(_), "", "") | (None, _, "") | (None, "", _) => {}
        (Some(_), _, "") => return Err(Fault::invalid("command: send the component or name a file, not both")),
        (Some(_), "", _) => return Err(Fault::invalid("oci_image: send the component or name an image, not both")),
        _ => return Err(Fault::invalid("oci_image: name a file or an image, not both: a component has no command")),
    }
    let version = version(body, "version")?;
    let plugin = Plugin::new(class, name, version, &sha256, command).of_image(image);
    let plugin = plugin.with_signature(params::text(body, "signature")?);
    let examined = system.catalog.examine(call.transaction, plugin, sent, call.deadline).await?;
    let plugin = &examined.plugin;
    plugins::put(call.transaction, call.tree, plugin, (&examined.code, examined.bytes.as_deref())).await?;
    tracing::info!(
        request = call.request,
        name,
        sha256,
        oci_image = plugin.oci_image,
        signed = plugin.signature.is_some(),
        version = plugin.version.to_string(),
        imports = examined.code.imports.join(" "),
        "a plugin is registered"
    );
    Ok(Reply::nothing())
}

/// What plugins of other sorts take: a component has neither a command line nor an environment.
fn refuse_others(body: &Map<String, Value>) -> Result<(), Fault> {
    for field in ["args", "env"] {
        if body.get(field).is_some_and(|value| !value.is_null() && *value != json!([]) && *value != json!("")) {
            return Err(Fault::invalid(format!("{field}: a component has neither a command line nor an environment")));
        }
    }
    match params::text(body, "runtime")? {
        None | Some("" | "wasm") => Ok(()),
        Some(_) => Err(Fault::invalid("runtime: must be \"wasm\", or nothing")),
    }
}

/// The digest that was sent, in lower-case hex.
fn sha256(body: &Map<String, Value>) -> Result<Option<String>, Fault> {
    let sent = match params::text(body, "sha256")? {
        None | Some("") => params::text(body, "sha_256")?,
        sent => sent,
    };
    let Some(sent) = sent.filter(|sent| !sent.is_empty()) else { return Ok(None) };
    match hex::decode(sent) {
        Ok(bytes) if bytes.len() == 32 => Ok(Some(hex::encode(bytes))),
        _ => Err(Fault::invalid("sha256: Could not decode SHA-256 value from Hex: must be 64 hexadecimal digits")),
    }
}

/// The component itself, where it was sent.
fn component(body: &Map<String, Value>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(sent) = params::text(body, "component")?.filter(|sent| !sent.is_empty()) else { return Ok(None) };
    let bytes = STANDARD.decode(sent).map_err(|_| Fault::invalid("component: must be base64"))?;
    if bytes.len() > plugins::UPLOAD_MAX {
        let text = "component: at most 14 MiB can be sent; put a larger one into the plugin directory or a registry";
        return Err(Fault::invalid(text));
    }
    Ok(Some(bytes))
}

impl System {
    /// What a mount of this type, or a policy in this language, gets which asks for this version, or for none: a registered
    /// component, or `None` for the built-in guest. Refused is what nobody signed whom the namespace trusts.
    pub(crate) async fn choose(
        &self,
        transaction: &mut storage::Transaction,
        namespace: &NamespacePath,
        (class, kind): (impl Into<PluginType>, &str),
        wanted: &str,
    ) -> Result<Option<Running>, Fault> {
        let class = class.into();
        let builtin = self.catalog.builtin_title(class, kind).map(|(version, ..)| version);
        let said = wanted.trim_start_matches('v');
        if builtin.is_some_and(|version| said.strip_suffix("+builtin") == Some(version)) {
            return Ok(None);
        }
        let version = Version::parse(wanted).map_err(|_| no_version(kind, wanted))?;
        let found = if name(kind).is_ok() { plugins::resolve(transaction, class, kind, &version).await? } else { None };
        match (found, builtin) {
            (Some(plugin), _) => {
                self.catalog.admit(transaction, namespace, &plugin).await?;
                Ok(Some(Running { version: plugin.version.to_string(), sha256: plugin.sha256 }))
            }
            (None, Some(builtin)) if version.is_none() || said == builtin => Ok(None),
            (None, Some(_)) => Err(no_version(kind, wanted)),
            (None, None) if version.is_none() => Err(self.unknown(class, kind)),
            (None, None) => Err(no_version(kind, wanted)),
        }
    }

    fn unknown(&self, class: PluginType, kind: &str) -> Fault {
        let known = self.catalog.names(class).join(", ");
        Fault::invalid(format!("plugin not found in the catalog: {kind} (type: built in are {known})"))
    }
}

fn no_version(kind: &str, wanted: &str) -> Fault {
    Fault::invalid(format!("plugin_version: plugin not found in the catalog: {kind} {wanted}"))
}
