//! The key file of a service account, as a user sends it. Other kinds of credentials name files to read, URLs to fetch
//! and programs to run: none of that may come from a user of the API.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::Error;

use super::GcpCkmsProvider;

/// Where Google gives tokens for the keys of service accounts. Nothing is fetched there, because a service account
/// signs its own tokens; a file that names another place is somebody else's idea of Google.
const TOKEN_URIS: [&str; 2] = ["https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"];
/// The only universe: another one would be another host.
const UNIVERSE: &str = "googleapis.com";
/// Longest email, id of a key, id of a project.
const TEXT_MAX: usize = 256;

/// What is taken from a key file, and nothing else is.
#[derive(Debug)]
pub struct ServiceAccount {
    /// Who.
    pub client_email: String,
    /// The key's id.
    pub private_key_id: String,
    /// The account's own project.
    pub project_id: String,
    /// PKCS #8 in PEM.
    pub private_key: SecretString,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    project_id: String,
    #[serde(with = "super::super::secret::optional", default)]
    private_key: Option<SecretString>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
}

impl GcpCkmsProvider {
    /// The service account of the record, if it has one. [`Error::Invalid`] says what is wrong and repeats nothing.
    pub fn account(&self) -> Result<Option<ServiceAccount>, Error> {
        self.credentials.as_ref().map(ServiceAccount::read).transpose()
    }
}

impl ServiceAccount {
    /// Reads a key file.
    fn read(text: &SecretString) -> Result<Self, Error> {
        let text = text.expose_secret().trim();
        if !text.starts_with('{') {
            return Err(wrong(
                "send the JSON of a service account's key file itself; a path is not taken, because this server reads \
                 no files for its users",
            ));
        }
        // serde_json's text may quote a value: only the place is said.
        let file: File = serde_json::from_str(text).map_err(|error| {
            wrong(&format!("not the JSON of a key file (line {}, column {})", error.line(), error.column()))
        })?;
        file.check()
    }
}

impl File {
    fn check(self) -> Result<ServiceAccount, Error> {
        if self.kind != "service_account" {
            return Err(wrong(
                "only a key file of the type service_account is taken; other types make the server read files or fetch \
                 URLs: give them to the node as its own identity",
            ));
        }
        if self.token_uri.as_deref().is_some_and(|uri| !TOKEN_URIS.contains(&uri)) {
            return Err(wrong(&format!("token_uri must be {}", TOKEN_URIS[0])));
        }
        if self.universe_domain.as_deref().is_some_and(|universe| universe != UNIVERSE) {
            return Err(wrong(&format!("universe_domain must be {UNIVERSE}")));
        }
        let email = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_:".contains(&byte);
        plain("client_email", &self.client_email, email)?;
        if self.client_email.matches('@').count() != 1 {
            return Err(wrong("client_email must be the address of a service account"));
        }
        let id = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        plain("private_key_id", &self.private_key_id, id)?;
        plain("project_id", &self.project_id, id)?;
        let private_key = self.private_key.ok_or_else(|| wrong("private_key is missing"))?;
        let pem = private_key.expose_secret().trim();
        if !pem.starts_with("-----BEGIN PRIVATE KEY-----") || !pem.ends_with("-----END PRIVATE KEY-----") {
            return Err(wrong("private_key must be PKCS #8 in PEM (BEGIN PRIVATE KEY)"));
        }
        Ok(ServiceAccount {
            client_email: self.client_email,
            private_key_id: self.private_key_id,
            project_id: self.project_id,
            private_key,
        })
    }
}

fn plain(name: &str, text: &str, allowed: impl Fn(u8) -> bool) -> Result<(), Error> {
    if text.is_empty() {
        return Err(wrong(&format!("{name} is missing")));
    }
    if text.len() > TEXT_MAX || !text.bytes().all(allowed) {
        return Err(wrong(&format!("{name} holds what no key file of Google's does")));
    }
    Ok(())
}

fn wrong(what: &str) -> Error {
    Error::invalid(format!("credentials: {what}"))
}
