//! A request that is not made but told: as a command line of curl, or as the policy that permits it.

use ureq::http::{HeaderMap, Method};

use crate::connection::Settings;

/// What stands for the token, so that no command line holds it.
const TOKEN: &str = "\"X-Vault-Token: $(innkeeper print token)\"";

/// Paths that want `sudo` too; `*` stands for a rest that is not empty.
const SUDO: [&str; 22] = [
    "auth/token/accessors",
    "sys/audit",
    "sys/audit/*",
    "sys/auth/*",
    "sys/config/auditing/request-headers",
    "sys/config/auditing/request-headers/*",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/config/ui/headers/*",
    "sys/internal/inspect/router/*",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/raw",
    "sys/raw/*",
    "sys/remount",
    "sys/revoke-force/*",
    "sys/revoke-prefix/*",
    "sys/rotate",
    "sys/seal",
    "sys/step-down",
];

/// The command line of curl that makes the same request.
pub(super) fn curl(settings: &Settings, method: &Method, headers: &HeaderMap, body: &[u8], address: &str) -> String {
    let mut words = vec!["curl".to_owned()];
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    if settings.skip_verify {
        option("--insecure", "");
    }
    if *method != Method::GET {
        option("-X", method.as_str());
    }
    if let Some(file) = &settings.socket {
        option("--unix-socket", &quoted(&file.display().to_string()));
    }
    let files = settings.client.as_ref();
    for (name, file) in [
        ("--cacert", settings.ca_cert.as_ref()),
        ("--capath", settings.ca_path.as_ref()),
        ("--cert", files.map(|(certificate, _)| certificate)),
        ("--key", files.map(|(_, key)| key)),
    ] {
        if let Some(file) = file {
            option(name, &quoted(&file.display().to_string()));
        }
    }
    for (name, value) in headers {
        match name.as_str() {
            "x-vault-token" => option("-H", TOKEN),
            name => option("-H", &quoted(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))),
        }
    }
    if !body.is_empty() {
        option("-d", &quoted(&String::from_utf8_lossy(body)));
    }
    words.push(quoted(address));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// One word for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// The policy that permits the request.
pub(super) fn policy(method: &Method, path: &str) -> String {
    let mut able = match method.as_str() {
        "GET" => vec!["read"],
        "LIST" => vec!["list"],
        "DELETE" => vec!["delete"],
        "PATCH" => vec!["patch"],
        _ => vec!["create", "update"],
    };
    let wants_sudo = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => path.len() > start.len() && path.starts_with(start),
        None => path == *pattern,
    };
    if SUDO.iter().any(wants_sudo) {
        able.push("sudo");
    }
    let able: Vec<String> = able.iter().map(|word| format!("\"{word}\"")).collect();
    format!("path {} {{\n  capabilities = [{}]\n}}", serde_json::Value::from(path), able.join(", "))
}
