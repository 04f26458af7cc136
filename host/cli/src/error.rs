//! Why a command failed, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use storage::archive;

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line or the environment is wrong; the text says what would be right.
    #[error("{0}")]
    Usage(String),
    /// The server does not answer.
    #[error("{}", unreachable(.address, .proxy.as_deref(), .reason))]
    Unreachable { address: String, proxy: Option<String>, reason: String },
    /// The server answered, but not with what was asked for.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server answered something that makes no sense here.
    #[error("{0}")]
    Unreadable(String),
    /// There is nothing where something was asked for.
    #[error("No value found at {0}")]
    Absent(String),
    /// What was being done when it failed.
    #[error("Error {doing}: {cause}")]
    During { doing: String, cause: Box<Error> },
    /// The file is there already.
    #[error("{} exists already: choose another name, or overwrite it with -force", .0.display())]
    Exists(PathBuf),
    /// Another command writes the same file.
    #[error("{} is being written by another command: wait until that is done", .0.display())]
    Busy(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    /// The file is no whole snapshot.
    #[error("{}: {error}", .path.display())]
    Archive { path: PathBuf, error: archive::Error },
    /// What the server sent is no whole snapshot.
    #[error("what the server sent is not whole, and nothing was kept of it: {0}. Look into the server's log")]
    Received(String),
    /// No failure: what was to be told instead of making a request.
    #[error("{0}")]
    Instead(String),
    /// Nobody reads what is written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// How the process ends: 1 where the fault is here, 2 where the server says no.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::During { cause, .. } => cause.exit(),
            Self::Instead(_) => 0,
            Self::Unreachable { .. } | Self::Refused(_) | Self::Unreadable(_) | Self::Absent(_) => 2,
            _ => 1,
        }
    }

    /// Says what was being done. What is missing, and a wrong command line, say enough themselves.
    pub(crate) fn during(self, doing: impl Into<String>) -> Self {
        match self {
            Self::Absent(_) | Self::Usage(_) | Self::Output(_) | Self::Instead(_) | Self::During { .. } => self,
            cause => Self::During { doing: doing.into(), cause: Box::new(cause) },
        }
    }

    /// The status that the server refused with.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::During { cause, .. } => cause.status(),
            _ => None,
        }
    }
}

/// What a server refused, and how.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) url: String,
    pub(crate) namespace: Option<String>,
    pub(crate) status: u16,
    /// Each on one line.
    pub(crate) errors: Vec<String>,
    /// When the server asks to come back.
    pub(crate) retry_after: Option<Duration>,
    /// Whether there was no token to ask with.
    pub(crate) without_token: bool,
}

impl Refusal {
    /// Nothing is there, and there is no more to say about it.
    pub(crate) fn is_absence(&self) -> bool {
        self.status == 404 && self.errors.is_empty()
    }

    fn advice(&self) -> &'static str {
        match self.status {
            403 if self.without_token => "There is no token: log in with `innkeeper login`, or set VAULT_TOKEN.",
            403 => "VAULT_TOKEN or ~/.vault-token must hold a token that may do this.",
            404 if self.errors.is_empty() => {
                "Is this the right server? -address or VAULT_ADDR says which one is asked."
            }
            503 => "It may be sealed, or busy: `innkeeper status` tells.",
            _ => "",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Error making API request.\n\n")?;
        if let Some(namespace) = &self.namespace {
            writeln!(to, "Namespace: {namespace}")?;
        }
        write!(to, "URL: {} {}\nCode: {}. Errors:\n", self.method, self.url, self.status)?;
        for error in &self.errors {
            write!(to, "\n* {error}")?;
        }
        match self.advice() {
            "" => Ok(()),
            advice => write!(to, "\n\n{advice}"),
        }
    }
}

/// Why a server does not answer, in words that say whose fault it may be, and what to do.
fn unreachable(address: &str, proxy: Option<&str>, reason: &str) -> String {
    let encrypted = address.starts_with("https://");
    match (proxy, reason) {
        (_, text) if encrypted && text.contains("InvalidContentType") => {
            format!("{address}: the server speaks HTTP where HTTPS was asked: say http:// in -address or VAULT_ADDR")
        }
        (_, text) if !encrypted && text.contains("http parse fail") => format!(
            "{address}: what answers does not speak HTTP: if it speaks HTTPS, say https:// in -address or VAULT_ADDR"
        ),
        (Some(proxy), _) => {
            format!("{address}, {proxy}: {reason}. NO_PROXY names what is reached without a common proxy")
        }
        (None, text) if text.contains("not valid for name") => {
            format!("{address}: {reason}. Say which name the server has with -tls-server-name or VAULT_TLS_SERVER_NAME")
        }
        (None, text) if text.contains("certificate") => {
            format!("{address}: {reason}. Name the server's authority with -ca-cert or VAULT_CACERT")
        }
        (None, text) if text.contains("http:") || text.contains("https:") => format!("{address}: {reason}"),
        _ => {
            format!("{address}: {reason}. Is the server running? -address or VAULT_ADDR says where it is looked for")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_answer_is_told_with_whose_fault_that_may_be() {
        for (address, proxy, reason, says) in [
            ("https://a", None, "io: received corrupt message of type InvalidContentType", "say http://"),
            ("http://a", None, "protocol: http parse fail: invalid", "say https://"),
            ("https://a", None, "invalid peer certificate: certificate not valid for name \"a\"", "-tls-server-name"),
            ("https://a", None, "invalid peer certificate: UnknownIssuer", "-ca-cert"),
            ("https://a", None, "io: Connection refused", "Is the server running?"),
            (
                "https://a",
                Some("through the proxy http://p of HTTPS_PROXY"),
                "refused",
                "proxy http://p of HTTPS_PROXY: ",
            ),
        ] {
            let said = unreachable(address, proxy, reason);
            assert!(said.starts_with(address) && said.contains(says), "{said}");
        }
    }
}
