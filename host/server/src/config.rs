//! The configuration: HCL or JSON in Vault's shape, one file, or all of a folder in the order of their names.

mod http_out;
mod library;
mod listener;
mod managed_keys;
mod plugins;
mod seal;
mod shown;
mod storage;
mod telemetry;

use std::path::{Path, PathBuf};
use std::time::Duration;

use outgoing::Allowed;
use registries::Registry;
use serde_json::{Map, Value};
use signatures::Signer;

pub use self::library::{Library, Process, Settings};
pub use self::listener::{Forwarded, Listener};
pub use self::managed_keys::ManagedKeys;
pub use self::seal::Seal;
pub use self::storage::Storage;
pub use self::telemetry::Traces;

/// Largest configuration file, in bytes.
const FILE_MAX: u64 = 1 << 20;
/// The version that clients are told unless configured: they unlock managed keys and namespaces by it.
pub const REPORTED_VERSION: &str = "1.21.0+ent";
/// How much may be logged.
pub const LOG_LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
/// How lines of the log may look.
pub const LOG_FORMATS: [&str; 2] = ["standard", "json"];
/// Keys that are understood elsewhere and mean nothing here.
const IGNORED: [&str; 6] = ["disable_mlock", "ui", "api_addr", "cluster_addr", "pid_file", "raw_storage_endpoint"];

/// What the server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// PKCS#11 libraries by name.
    pub libraries: Vec<Library>,
    /// What holds for managed keys, by type.
    pub managed_keys: ManagedKeys,
    /// The hosts that auth methods may ask: none, unless named.
    pub http_out: Allowed,
    /// Where traces of requests go; none: there are none.
    pub traces: Option<Traces>,
    /// The folder that registered components are read from.
    pub plugin_directory: Option<PathBuf>,
    /// The folder that native code of registered components is kept in.
    pub plugin_cache_directory: Option<PathBuf>,
    /// The registries that components are pulled from: none, unless named.
    pub plugin_registries: Vec<Registry>,
    /// Who signs components, and for which namespaces.
    pub plugin_signers: Vec<Signer>,
    /// Where everything is kept.
    pub storage: Storage,
    /// Whether that was said.
    pub storage_given: bool,
    /// What opens the barrier; none for operators' shares.
    pub seal: Option<Seal>,
    /// trace, debug, info, warn or error.
    pub log_level: String,
    /// standard or json.
    pub log_format: String,
    /// The version that clients are told.
    pub reported_version: String,
    /// The name of the cluster.
    pub cluster_name: String,
    /// Default time to live, in seconds.
    pub default_lease_ttl: u64,
    /// Longest time to live, in seconds.
    pub max_lease_ttl: u64,
    /// Things to tell the operator: keys that nobody knows.
    pub warnings: Vec<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder that cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// A value that is not what it should be.
    #[error("{file}: {key}: {wanted}")]
    Wrong {
        /// In which file.
        file: String,
        /// Under which key.
        key: String,
        /// What would be right.
        wanted: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            libraries: Vec::new(),
            managed_keys: ManagedKeys::default(),
            http_out: Allowed::default(),
            traces: None,
            plugin_directory: None,
            plugin_cache_directory: None,
            plugin_registries: Vec::new(),
            plugin_signers: Vec::new(),
            storage: Storage::Memory,
            storage_given: false,
            seal: None,
            log_level: "info".into(),
            log_format: "standard".into(),
            reported_version: REPORTED_VERSION.into(),
            cluster_name: "innkeeper".into(),
            default_lease_ttl: system::LEASE_TTL,
            max_lease_ttl: system::LEASE_TTL,
            warnings: Vec::new(),
        }
    }
}

/// Reads files and folders; later ones add to and override earlier ones.
pub fn read(paths: &[PathBuf]) -> Result<Config, Error> {
    let mut config = Config::default();
    for path in paths {
        for file in files(path)? {
            config.add(&file, &text(&file)?)?;
        }
        if config.default_lease_ttl > config.max_lease_ttl {
            let wanted = "must not be longer than max_lease_ttl".to_owned();
            return Err(Error::Wrong { file: path.display().to_string(), key: "default_lease_ttl".into(), wanted });
        }
    }
    Ok(config)
}

impl Config {
    /// Takes what one file says, JSON if its name ends so and HCL otherwise: blocks are added, values override what was
    /// said before.
    pub fn add(&mut self, file: &Path, text: &str) -> Result<(), Error> {
        let name = file.display().to_string();
        Reader { file: &name, config: self }.top(parse(file, text)?)
    }
}

fn unreadable(path: &Path, reason: impl ToString) -> Error {
    Error::Unreadable { path: path.display().to_string(), reason: reason.to_string() }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let meta = std::fs::metadata(path).map_err(|e| unreadable(path, e))?;
    if meta.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| unreadable(path, e))?;
    let wanted = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "hcl" || ending == "json");
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(wanted).collect();
    found.sort();
    if found.is_empty() { Err(unreadable(path, "the folder holds no *.hcl or *.json file")) } else { Ok(found) }
}

fn text(file: &Path) -> Result<String, Error> {
    let length = std::fs::metadata(file).map_err(|e| unreadable(file, e))?.len();
    if length > FILE_MAX {
        return Err(unreadable(file, "is larger than 1 MiB"));
    }
    std::fs::read_to_string(file).map_err(|e| unreadable(file, e))
}

fn parse(file: &Path, text: &str) -> Result<Map<String, Value>, Error> {
    let value: Value = if file.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(text).map_err(|e| unreadable(file, e))?
    } else {
        hcl::from_str(text).map_err(|e| unreadable(file, misread(&e)))?
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(unreadable(file, "must hold an object")),
    }
}

/// Where and why, in one line and without repeating what the file holds.
fn misread(error: &hcl::Error) -> String {
    match error {
        hcl::Error::Parse(error) => {
            let (at, why) = (error.location(), error.message().split_whitespace().collect::<Vec<_>>().join(" "));
            format!("line {} column {}: {why}", at.line(), at.column())
        }
        other => other.to_string(),
    }
}

/// Takes a block: its label and its body.
type Take<R> = fn(&mut R, &str, &Map<String, Value>) -> Result<(), Error>;

struct Reader<'a> {
    file: &'a str,
    config: &'a mut Config,
}

impl Reader<'_> {
    fn wrong(&self, key: impl Into<String>, wanted: impl Into<String>) -> Error {
        Error::Wrong { file: self.file.to_owned(), key: key.into(), wanted: wanted.into() }
    }

    fn unknown(&mut self, key: &str) {
        self.config.warnings.push(format!("{}: unknown key {key:?} is ignored", self.file));
    }

    fn top(&mut self, fields: Map<String, Value>) -> Result<(), Error> {
        for (key, value) in fields {
            match key.as_str() {
                "listener" => self.each("listener", &value, &["tcp", "unix"], Self::listener)?,
                "kms_library" => self.each("kms_library", &value, &["pkcs11"], |it, _, body| it.library(body))?,
                "managed_keys" => self.managed_keys(&value)?,
                "http_out" => self.http_out(&value)?,
                "telemetry" => self.telemetry(&value)?,
                "storage" | "backend" => self.storage(&value)?,
                "seal" => self.seal(&value)?,
                "plugin_directory" => self.config.plugin_directory = self.folder("plugin_directory", &value)?,
                "plugin_cache_directory" => {
                    self.config.plugin_cache_directory = self.folder("plugin_cache_directory", &value)?
                }
                "plugin_registries" => self.labelled("plugin_registries", &value, Self::plugin_registry)?,
                "plugin_signers" => self.labelled("plugin_signers", &value, Self::plugin_signer)?,
                "log_level" => self.config.log_level = self.one_of("log_level", &value, &LOG_LEVELS)?,
                "log_format" => self.config.log_format = self.one_of("log_format", &value, &LOG_FORMATS)?,
                "cluster_name" => self.config.cluster_name = self.text("cluster_name", &value)?,
                "reported_version" => self.config.reported_version = self.version(&value)?,
                "default_lease_ttl" => self.config.default_lease_ttl = self.seconds("default_lease_ttl", &value)?,
                "max_lease_ttl" => self.config.max_lease_ttl = self.seconds("max_lease_ttl", &value)?,
                ignored if IGNORED.contains(&ignored) => {}
                unknown => self.unknown(unknown),
            }
        }
        Ok(())
    }

    /// Calls `take` for each block of a kind, however it was repeated.
    fn each(&mut self, key: &str, value: &Value, labels: &[&str], take: Take<Self>) -> Result<(), Error> {
        for labelled in flat(value) {
            let Value::Object(labelled) = labelled else { return Err(self.wrong(key, "must be a block with a label")) };
            for (label, bodies) in labelled {
                if !labels.contains(&label.as_str()) {
                    return Err(self.wrong(format!("{key} {label:?}"), format!("the label must be one of {labels:?}")));
                }
                for body in flat(bodies) {
                    let Value::Object(body) = body else { return Err(self.wrong(key, "must be a block")) };
                    take(self, label, body)?;
                }
            }
        }
        Ok(())
    }

    fn text(&self, key: &str, value: &Value) -> Result<String, Error> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => Err(self.wrong(key, "must be text")),
        }
    }

    fn folder(&self, key: &str, value: &Value) -> Result<Option<PathBuf>, Error> {
        let path = PathBuf::from(self.text(key, value)?);
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        if path.is_absolute() { Ok(Some(path)) } else { Err(self.wrong(key, "must be an absolute path of a folder")) }
    }

    fn one_of(&self, key: &str, value: &Value, allowed: &[&str]) -> Result<String, Error> {
        let text = self.text(key, value)?.to_ascii_lowercase();
        if allowed.contains(&text.as_str()) {
            Ok(text)
        } else {
            Err(self.wrong(key, format!("must be one of {allowed:?}")))
        }
    }

    fn number(&self, key: &str, value: &Value, max: usize) -> Result<usize, Error> {
        let number = self.text(key, value)?.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| self.wrong(key, format!("must be a number from 1 to {max}")))
    }

    fn timeout(&self, key: &str, value: &Value) -> Result<Duration, Error> {
        match self.seconds(key, value)? {
            seconds @ 1..=3600 => Ok(Duration::from_secs(seconds)),
            _ => Err(self.wrong(key, "must be from \"1s\" to \"1h\"")),
        }
    }

    fn seconds(&self, key: &str, value: &Value) -> Result<u64, Error> {
        let text = self.text(key, value)?;
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            "d" => Some(86_400),
            _ => None,
        };
        let seconds = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        seconds.ok_or_else(|| self.wrong(key, "must be a duration such as \"768h\""))
    }

    /// Clients parse the version and some of them crash on one that is not semantic.
    fn version(&self, value: &Value) -> Result<String, Error> {
        let text = self.text("reported_version", value)?;
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<&str> = core.split('.').collect();
        let semantic = parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok());
        let visible = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if semantic && visible {
            Ok(text)
        } else {
            Err(self.wrong("reported_version", "must be a semantic version such as 1.21.0+ent"))
        }
    }
}

fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(text: &str) -> Result<Config, Error> {
        let mut config = Config::default();
        let fields = parse(Path::new("test.hcl"), text)?;
        Reader { file: "test.hcl", config: &mut config }.top(fields)?;
        Ok(config)
    }

    #[test]
    fn repeated_blocks_are_all_read() {
        let config = top(r#"
            listener "tcp" { 
              address = "127.0.0.1:1" 
              tls_disable = "true" 
            }
            listener "tcp" { 
              address = "127.0.0.1:2" 
              tls_disable = 1 
            }
            kms_library "pkcs11" { 
              name = "hsm1" 
              library = "/lib/a.so" 
              namespaces = ["team-a"] 
            }
            kms_library "pkcs11" { 
              name = "hsm2" 
              library = "/lib/b.so" 
            }
            max_lease_ttl = "10h"
            colour = "blue"
            "#)
        .unwrap();
        assert_eq!(config.listeners.len(), 2);
        assert_eq!(config.libraries.len(), 2);
        assert_eq!(config.libraries[0].namespaces.as_ref().unwrap()[0].as_str(), "team-a/");
        assert_eq!(config.max_lease_ttl, 36_000);
        assert_eq!(config.warnings, ["test.hcl: unknown key \"colour\" is ignored"]);
    }

    fn tcp(line: &str) -> String {
        format!("listener \"tcp\" {{\n tls_cert_file = \"/a\"\n tls_key_file = \"/b\"\n {line}\n}}")
    }

    #[test]
    fn a_listener_says_whom_it_believes_and_how_it_speaks() {
        let lines = "tls_min_version = \"tls13\"\n tls_client_ca_file = \"/ca\"\n \
                     x_forwarded_for_authorized_addrs = [\"10.0.0.0/8\", \"::1\"]\n x_forwarded_for_hop_skips = 1\n \
                     x_forwarded_for_reject_not_present = \"false\"\n \
                     telemetry {\n unauthenticated_metrics_access = true\n }";
        let config = top(&tcp(lines)).unwrap();
        let listener = &config.listeners[0];
        let rules = &listener.tls.as_ref().unwrap().rules;
        assert!(rules.only_1_3 && rules.ask_client && !rules.require_client && listener.open_metrics);
        let forwarded = listener.forwarded.as_ref().unwrap();
        assert_eq!((forwarded.authorized.len(), forwarded.hop_skips), (2, 1));
        assert!(forwarded.reject_not_authorized && !forwarded.reject_not_present);
        let config = top("listener \"unix\" {\n address = \"/a.sock\"\n socket_mode = \"660\"\n}").unwrap();
        assert_eq!((config.listeners[0].unix, config.listeners[0].tls.is_none()), (Some(0o660), true));
    }

    fn library(line: &str) -> String {
        format!("kms_library \"pkcs11\" {{\n name = \"a\"\n library = \"/lib/a.so\"\n {line}\n}}")
    }

    #[test]
    fn a_library_says_how_it_is_run() {
        let lines = "parameters = \"configdir=/a\"\n environment = { SOFTHSM2_CONF = \"/etc/a\" }\n \
                     inherit_environment = [\"HSM_HOST\"]\n memory_max = 1073741824\n open_files_max = 256\n \
                     keys_for_every_use = true";
        let config = top(&library(lines)).unwrap();
        let settings = &config.libraries[0].settings;
        assert_eq!(settings.process, pkcs11::Process::Worker);
        assert_eq!(settings.parameters.as_deref(), Some("configdir=/a"));
        assert!(settings.keys_for_every_use);
        assert_eq!(settings.environment["SOFTHSM2_CONF"], "/etc/a");
        assert_eq!(settings.inherit, ["HSM_HOST"]);
        assert_eq!((settings.bounds.memory, settings.bounds.files), (Some(1 << 30), Some(256)));
        let config = top(&library("process = \"in-process\"")).unwrap();
        assert_eq!(config.libraries[0].settings.process, pkcs11::Process::InProcess);
    }

    #[test]
    fn two_names_of_one_file_must_say_the_same() {
        let twice = |line: &str| top(&format!("{}\n{}", library(""), library(line).replace("\"a\"", "\"b\"")));
        assert_eq!(twice("").unwrap().libraries.len(), 2);
        assert!(twice("process = \"in-process\"").unwrap_err().to_string().contains("kms_library"));
    }

    /// A signer with a key of Ed25519: that of the first test of RFC 8032.
    fn signer(line: &str) -> String {
        let key = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let pem = format!("-----BEGIN PUBLIC KEY-----\\n{key}\\n-----END PUBLIC KEY-----\\n");
        format!("plugin_signers \"a\" {{\n public_key = \"{pem}\"\n {line}\n}}")
    }

    #[test]
    fn registries_and_signers_of_plugins_are_read() {
        let lines = "plugin_registries \"R.Example:5000\" {\n username = \"a\"\n password = \"b\"\n}\n\
                     plugin_registries \"127.0.0.1:5000\" {\n plain_http = \"true\"\n}";
        let config = top(lines).unwrap();
        let hosts: Vec<_> = config.plugin_registries.iter().map(|one| one.host.as_str()).collect();
        // The order of labels is that of the file, or that of their letters.
        assert!(hosts.contains(&"r.example:5000") && hosts.contains(&"127.0.0.1:5000"), "{hosts:?}");
        assert!(!format!("{config:?}").contains("\"b\""), "no password is shown");
        let config = top(&signer("namespaces = [\"\", \"team-a\"]")).unwrap();
        assert_eq!(config.plugin_signers[0].name(), "a");
    }

    #[test]
    fn wrong_values_name_their_key() {
        for (text, key) in [
            ("listener \"tcp\" {\n}", "listener"),
            ("listener \"unix\" {\n}", "listener.address"),
            ("listener \"unix\" {\n address = \"a.sock\"\n}", "listener.address"),
            ("listener \"unix\" {\n address = \"/a.sock\"\n socket_mode = \"rw\"\n}", "listener.socket_mode"),
            (&tcp("tls_min_version = \"tls11\""), "listener.tls_min_version"),
            (&tcp("tls_cipher_suites = \"TLS_RSA_WITH_RC4_128_SHA\""), "listener.tls_cipher_suites"),
            (&tcp("tls_require_and_verify_client_cert = true"), "listener.tls_client_ca_file"),
            (
                &tcp("tls_require_and_verify_client_cert = true\n tls_disable_client_certs = true"),
                "listener.tls_require_and_verify_client_cert",
            ),
            (&tcp("x_forwarded_for_hop_skips = 1"), "listener.x_forwarded_for_authorized_addrs"),
            (&tcp("x_forwarded_for_authorized_addrs = \"10.0.0.0/33\""), "listener.x_forwarded_for_authorized_addrs"),
            (&tcp("x_forwarded_for_authorized_addrs = []"), "listener.x_forwarded_for_authorized_addrs"),
            (&tcp("telemetry = 1"), "listener.telemetry"),
            (&tcp("http_write_timeout = 0"), "listener.http_write_timeout"),
            ("kms_library \"pkcs11\" {\n name = \"a\"\n library = \"relative.so\"\n}", "kms_library.library"),
            (&library("process = \"thread\""), "kms_library.process"),
            (&library("environment = \"A=b\""), "kms_library.environment"),
            (&library("environment = { \"A=\" = \"b\" }"), "kms_library.environment"),
            (&library("inherit_environment = [\"\"]"), "kms_library.inherit_environment"),
            (&library("memory_max = \"much\""), "kms_library.memory_max"),
            (&library("process = \"in-process\"\n open_files_max = 64"), "kms_library.process"),
            (&library("keys_for_every_use = \"yes\""), "kms_library.keys_for_every_use"),
            ("storage \"file\" {\n}", "storage.path"),
            ("storage \"file\" {\n path = \"relative\"\n}", "storage.path"),
            ("storage \"etcd\" {\n}", "storage \"etcd\""),
            ("storage \"inmem\" {\n}\nstorage \"file\" {\n path = \"/a\"\n}", "storage"),
            ("storage \"postgresql\" {\n connection_url = \"x\"\n max_parallel = 0\n}", "storage.max_parallel"),
            ("managed_keys \"softhsm\" {\n}", "managed_keys \"softhsm\""),
            ("managed_keys \"awskms\" {\n namespaces = \"a\"\n}", "managed_keys \"awskms\".namespaces"),
            ("managed_keys \"awskms\" {\n node_identity = \"mine\"\n}", "managed_keys \"awskms\".node_identity"),
            ("managed_keys \"azurekeyvault\" {\n ca_file = \"a.pem\"\n}", "managed_keys \"azurekeyvault\".ca_file"),
            ("managed_keys \"awskms\" {\n}\nmanaged_keys \"awskms\" {\n}", "managed_keys \"awskms\""),
            ("seal \"awskms\" {\n}", "seal \"awskms\""),
            ("seal \"pkcs11\" {\n pin = \"1\"\n}", "seal.lib"),
            ("seal \"pkcs11\" {\n lib = \"../x\"\n}", "seal.lib"),
            ("seal \"pkcs11\" {\n lib = \"/x\"\n slot = \"0\"\n token_label = \"a\"\n}", "seal.token_label"),
            ("seal \"pkcs11\" {\n lib = \"/x\"\n slot = \"0\"\n key_label = \"a\"\n}", "seal.pin"),
            ("seal \"pkcs11\" {\n lib = \"/x\"\n slot = \"0\"\n pin = \"1\"\n}", "seal.key_label"),
            ("http_out {\n allow = [\"http://a\"]\n}", "http_out.allow"),
            ("http_out = \"a\"", "http_out"),
            ("http_out {\n}\nhttp_out {\n}", "http_out"),
            ("plugin_registries = 1", "plugin_registries"),
            ("plugin_registries \"a/b\" {\n}", "plugin_registries \"a/b\""),
            ("plugin_registries \"r.example\" {\n plain_http = true\n}", "plugin_registries \"r.example\".plain_http"),
            ("plugin_registries \"r.example\" {\n username = \"a\"\n}", "plugin_registries \"r.example\".username"),
            ("plugin_registries \"r.example\" {\n password = \"a\"\n}", "plugin_registries \"r.example\".username"),
            (
                "plugin_registries \"r.example\" {\n username = \"a\"\n password_file = \"b\"\n}",
                "plugin_registries \"r.example\".password_file",
            ),
            (
                "plugin_registries \"r.example\" {\n tls_ca_file = \"/nowhere/ca\"\n}",
                "plugin_registries \"r.example\".tls_ca_file",
            ),
            ("plugin_registries \"r.example\" {\n}\nplugin_registries \"R.Example\" {\n}", "\": is there twice"),
            ("plugin_signers \"a b\" {\n}", "plugin_signers \"a b\""),
            ("plugin_signers \"a\" {\n}", "plugin_signers \"a\".public_key"),
            (
                "plugin_signers \"a\" {\n public_key = \"junk\"\n namespaces = [\"\"]\n}",
                "plugin_signers \"a\".public_key: must be one public key in PEM",
            ),
            ("plugin_signers \"a\" {\n public_key_file = \"a.pem\"\n}", "plugin_signers \"a\".public_key_file"),
            ("plugin_signers \"a\" {\n namespaces = \"a\"\n}", "plugin_signers \"a\".namespaces"),
            (&signer(""), "plugin_signers \"a\".namespaces"),
            (&format!("{0}\n{0}", signer("namespaces = [\"\"]")), "plugin_signers \"a\": is there twice"),
            ("reported_version = \"new\"", "reported_version"),
            ("log_level = \"loud\"", "log_level"),
            ("max_lease_ttl = \"soon\"", "max_lease_ttl"),
            ("listener \"tcp\" {\n tls_disable = \"maybe\"\n}", "listener.tls_disable"),
            ("listener \"tcp\" {\n max_connections = 0\n}", "listener.max_connections"),
            ("listener \"tcp\" {\n http_read_timeout = \"2h\"\n}", "listener.http_read_timeout"),
            ("listener \"tcp\" {\n address = \n}", "line 2"),
        ] {
            let error = top(text).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
