//! Texts of configurations that many tests begin with.

use std::path::Path;

/// A listener on a free port, without TLS, with these further lines.
pub fn plain_listener(lines: &str) -> String {
    format!("listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_disable = true\n {lines}\n}}\n")
}

/// A store in this folder.
pub fn file_storage(folder: &Path) -> String {
    format!("storage \"file\" {{\n path = \"{}\"\n}}\n", folder.display())
}
