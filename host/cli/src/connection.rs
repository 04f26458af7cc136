//! Which server, how it is reached, and how its answers are shown: options of every command that asks one.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use secrecy::SecretString;

use crate::environment::Environment;
use crate::input::duration;
use crate::output::Format;
use crate::{Error, token_file};

/// Where a server is looked for if nobody says.
const ADDRESS: &str = "https://127.0.0.1:8200";
/// How often a request is tried again, if nobody says.
const RETRIES: usize = 2;
/// Most often that it may be.
const RETRIES_MAX: usize = 100;
/// Longest wait for an answer, if nobody says.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which server, how it is reached, and how answers are shown.
///
/// The token comes from VAULT_TOKEN, else from ~/.vault-token. Each variable may also begin with INNKEEPER_, which wins.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection and output")]
pub struct Connection {
    /// Where the server is; https://127.0.0.1:8200 by default. [env: VAULT_ADDR]
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// The namespace to work in. [env: VAULT_NAMESPACE]
    #[arg(long, visible_alias = "ns", value_name = "PATH")]
    pub namespace: Option<String>,
    /// A PEM file of the authorities to trust, instead of the system's. [env: VAULT_CACERT]
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// A folder of such files. [env: VAULT_CAPATH]
    #[arg(long, value_name = "FOLDER")]
    pub ca_path: Option<PathBuf>,
    /// A PEM file with the certificate that the server is shown, and its chain. [env: VAULT_CLIENT_CERT]
    #[arg(long, value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// A PEM file with the private key of that certificate. [env: VAULT_CLIENT_KEY]
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must have, instead of the address's. [env: VAULT_TLS_SERVER_NAME]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Trust whoever answers. Not for production. [env: VAULT_SKIP_VERIFY]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub tls_skip_verify: Option<bool>,
    /// Have the answer kept under a token that can be used once within this time, and show that. [env: VAULT_WRAP_TTL]
    #[arg(long, value_name = "DURATION")]
    pub wrap_ttl: Option<String>,
    /// One more header of the requests; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// How answers are shown. [env: VAULT_FORMAT]
    #[arg(long, value_enum, ignore_case = true)]
    pub format: Option<Format>,
}

/// What counts once options, environment and defaults are put together.
pub(crate) struct Settings {
    pub(crate) address: String,
    pub(crate) namespace: Option<String>,
    pub(crate) token: Option<SecretString>,
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) ca_path: Option<PathBuf>,
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) server_name: Option<String>,
    pub(crate) skip_verify: bool,
    pub(crate) wrap_ttl: Option<String>,
    pub(crate) headers: Vec<(String, SecretString)>,
    pub(crate) format: Format,
    pub(crate) retries: usize,
    pub(crate) timeout: Duration,
}

impl Connection {
    /// Options win over the environment.
    pub(crate) fn settle(&self, environment: &Environment) -> Result<Settings, Error> {
        let text = |option: &Option<String>, name| option.clone().or_else(|| environment.get(name));
        let path = |option: &Option<PathBuf>, name| option.clone().or_else(|| environment.path(name));
        let address = text(&self.address, "ADDR").unwrap_or_else(|| ADDRESS.into());
        if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
            let right = "must begin with http:// or https://, as in https://127.0.0.1:8200";
            return Err(Error::Usage(format!("-address (VAULT_ADDR) {right}, and is {address:?}")));
        }
        let client = match (path(&self.client_cert, "CLIENT_CERT"), path(&self.client_key, "CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Error::Usage("-client-cert and -client-key go together: give both".into())),
        };
        let format = match (self.format, environment.get("FORMAT")) {
            (Some(format), _) => format,
            (None, Some(name)) => Format::named(&name)?,
            (None, None) => Format::Table,
        };
        Ok(Settings {
            namespace: text(&self.namespace, "NAMESPACE").filter(|path| !path.trim_matches('/').is_empty()),
            token: match environment.token() {
                Some(token) => Some(token),
                None => token_file::read(environment)?,
            },
            ca_cert: path(&self.ca_cert, "CACERT"),
            ca_path: path(&self.ca_path, "CAPATH"),
            client,
            server_name: text(&self.tls_server_name, "TLS_SERVER_NAME"),
            skip_verify: match self.tls_skip_verify {
                Some(skip) => skip,
                None => environment.flag("SKIP_VERIFY")?.unwrap_or_default(),
            },
            wrap_ttl: text(&self.wrap_ttl, "WRAP_TTL"),
            headers: self.header.iter().map(|header| pair(header)).collect::<Result<_, _>>()?,
            format,
            retries: retries(environment)?,
            timeout: timeout(environment)?,
            address,
        })
    }
}

fn pair(header: &str) -> Result<(String, SecretString), Error> {
    match header.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), SecretString::from(value))),
        _ => Err(Error::Usage("-header must be NAME=VALUE".into())),
    }
}

fn retries(environment: &Environment) -> Result<usize, Error> {
    let Some(given) = environment.get("MAX_RETRIES") else { return Ok(RETRIES) };
    let number = given.parse().ok().filter(|number| *number <= RETRIES_MAX);
    number.ok_or_else(|| Error::Usage(format!("VAULT_MAX_RETRIES must be 0 to {RETRIES_MAX}, and is {given:?}")))
}

fn timeout(environment: &Environment) -> Result<Duration, Error> {
    let Some(given) = environment.get("CLIENT_TIMEOUT") else { return Ok(TIMEOUT) };
    let parsed = duration(&given).filter(|timeout| !timeout.is_zero());
    parsed.ok_or_else(|| Error::Usage(format!("VAULT_CLIENT_TIMEOUT must be a time as 60 or 90s, and is {given:?}")))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn settle(connection: &Connection, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        connection.settle(&Environment::of(variables, None))
    }

    #[test]
    fn options_win_over_the_environment_and_that_over_defaults() {
        let none = settle(&Connection::default(), &[]).unwrap();
        assert_eq!((none.address.as_str(), none.retries, none.timeout), (ADDRESS, 2, Duration::from_secs(60)));
        assert!(none.token.is_none() && none.namespace.is_none() && !none.skip_verify);
        let variables = [
            ("VAULT_ADDR", "http://b"),
            ("VAULT_NAMESPACE", "team-a"),
            ("VAULT_TOKEN", "s.1"),
            ("VAULT_SKIP_VERIFY", "1"),
            ("VAULT_CLIENT_TIMEOUT", "1m30s"),
            ("VAULT_MAX_RETRIES", "0"),
        ];
        let found = settle(&Connection::default(), &variables).unwrap();
        assert_eq!((found.address.as_str(), found.namespace.as_deref()), ("http://b", Some("team-a")));
        assert_eq!(found.token.unwrap().expose_secret(), "s.1");
        assert_eq!((found.retries, found.timeout), (0, Duration::from_secs(90)));
        assert!(found.skip_verify);
        let options = Connection {
            address: Some("https://c".into()),
            tls_skip_verify: Some(false),
            namespace: Some("/".into()),
            ..Connection::default()
        };
        let given = settle(&options, &variables).unwrap();
        assert_eq!((given.address.as_str(), given.skip_verify, given.namespace), ("https://c", false, None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_repeating_secrets() {
        let address = Connection { address: Some("127.0.0.1:8200".into()), ..Connection::default() };
        assert!(settle(&address, &[]).is_err());
        let half = Connection { client_cert: Some("a.pem".into()), ..Connection::default() };
        assert!(settle(&half, &[]).is_err());
        let header = Connection { header: vec!["secret-word".into()], ..Connection::default() };
        let refused = settle(&header, &[]).err().unwrap().to_string();
        assert!(!refused.contains("secret-word"), "{refused}");
        for wrong in [("VAULT_FORMAT", "xml"), ("VAULT_MAX_RETRIES", "-1"), ("VAULT_CLIENT_TIMEOUT", "soon")] {
            assert!(settle(&Connection::default(), &[wrong]).is_err(), "{wrong:?}");
        }
    }
}
