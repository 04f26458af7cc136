//! What the operator says of Cloud KMS. Users of the API say none of it.

use keys::Error;

/// What a record without credentials may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeIdentity {
    /// It speaks as the node: `GOOGLE_APPLICATION_CREDENTIALS` (a file of any type, workload identity federation among
    /// them), the file that gcloud left, or the metadata server of a machine or a workload of Google's. Whoever may
    /// register keys then reaches whatever the node may.
    #[default]
    Lent,
    /// It is refused: every record brings the key file of a service account.
    Refused,
    /// It sends no credentials at all: for doubles of the service in tests.
    Anonymous,
}

/// The settings of the driver.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What a record without credentials may do.
    pub node_identity: NodeIdentity,
    /// Where the service is, instead of Google's own address: a private endpoint, or a double in tests. Its scheme is
    /// https, but for an address of this machine.
    pub endpoint: Option<String>,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let (scheme, rest) = endpoint.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        let strange = authority.is_empty() || rest.contains(['?', '#', '@', ' ']) || rest.contains(char::is_control);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, ""),
        };
        let strange = strange || host.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit());
        let here = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        if strange || !(scheme == "https" || scheme == "http" && here) {
            return Err(Error::invalid("endpoint of gcpckms: use a URL of the form https://host[:port]"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(endpoint: &str) -> bool {
        Settings { endpoint: Some(endpoint.into()), ..Settings::default() }.check().is_ok()
    }

    #[test]
    fn tokens_are_never_sent_in_clear_to_another_machine() {
        for good in ["https://cloudkms.europe-west3.rep.googleapis.com", "https://kms:8443/", "http://127.0.0.1:80"] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "http://kms.example.com",
            "kms.example.com",
            "",
            "https://",
            "https://a@b",
            "https://a/?q",
            "ftp://127.0.0.1",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
        assert!(!accepts("http://127.0.0.1.example.com"), "a name that only begins like this machine's address");
    }
}
