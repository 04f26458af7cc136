//! Which server, how it is reached, and how its answers are shown: options of every command that asks one.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use ureq::http::Uri;

use crate::client::Proxy;
use crate::environment::Environment;
use crate::input::duration;
use crate::output::Format;
use crate::{Error, token_file};

/// Where a server is looked for if nobody says.
const ADDRESS: &str = "https://127.0.0.1:8200";
/// What a server at a file is asked as.
const AT_FILE: &str = "http://localhost";
/// Most often that a request may be tried again. If nobody says so it is not: it may have been done already.
const RETRIES_MAX: usize = 100;
/// Longest wait for an answer, if nobody says.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which server, how it is reached, and how answers are shown.
///
/// The token comes from VAULT_TOKEN, else from ~/.vault-token. Each variable may also begin with INNKEEPER_, which wins.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Connection and output")]
pub struct Connection {
    /// Where the server is, also as unix:///FILE; https://127.0.0.1:8200 by default. [env: VAULT_ADDR]
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
    #[arg(long, value_name = "BOOL")]
    pub tls_skip_verify: Option<bool>,
    /// Have the answer kept under a token that can be used once within this time, and show that. [env: VAULT_WRAP_TTL]
    #[arg(long, value_name = "DURATION")]
    pub wrap_ttl: Option<String>,
    /// One more header of the requests; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// What proves a second factor, as METHOD:CODE; may be repeated. [env: VAULT_MFA]
    #[arg(long, value_name = "PROOF")]
    pub mfa: Vec<String>,
    /// Go on where a policy of the server is soft mandatory.
    #[arg(long)]
    pub policy_override: bool,
    /// Stay with this server where it sends to another one. [env: VAULT_DISABLE_REDIRECTS]
    #[arg(long, value_name = "BOOL")]
    pub disable_redirects: Option<bool>,
    /// Print the request as a command line of curl instead of making it.
    #[arg(long, conflicts_with = "output_policy")]
    pub output_curl_string: bool,
    /// Print the policy that permits the request instead of making it.
    #[arg(long)]
    pub output_policy: bool,
    /// Ask nothing at the terminal: what is missing is an error.
    #[arg(long)]
    pub non_interactive: bool,
    /// How answers are shown. [env: VAULT_FORMAT]
    #[arg(long, value_enum, ignore_case = true)]
    pub format: Option<Format>,
}

/// What is told of a request instead of making it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// How curl makes it.
    Curl,
    /// What permits it.
    Policy,
}

/// What counts once options, environment and defaults are put together.
pub(crate) struct Settings {
    pub(crate) address: String,
    /// The file that the server listens at, if it is one: the address is only for the requests then.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) namespace: Option<String>,
    pub(crate) token: Option<SecretString>,
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) ca_path: Option<PathBuf>,
    /// The authorities themselves, in PEM: they win over files that the environment names.
    pub(crate) ca_bytes: Option<String>,
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) server_name: Option<String>,
    pub(crate) skip_verify: bool,
    pub(crate) wrap_ttl: Option<String>,
    pub(crate) headers: Vec<(String, SecretString)>,
    pub(crate) follow: bool,
    pub(crate) told: Option<Told>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) format: Format,
    pub(crate) retries: usize,
    pub(crate) timeout: Duration,
}

impl Connection {
    /// Options win over the environment.
    pub(crate) fn settle(&self, environment: &Environment) -> Result<Settings, Error> {
        let text = |option: &Option<String>, name| option.clone().or_else(|| environment.get(name));
        let path = |option: &Option<PathBuf>, name| option.clone().or_else(|| environment.path(name));
        let flag = |option: Option<bool>, name| match option {
            Some(flag) => Ok(flag),
            None => environment.flag(name).map(Option::unwrap_or_default),
        };
        let given = text(&self.address, "ADDR");
        let socket = given.as_deref().map(socket).transpose()?.flatten();
        let address = match given {
            _ if socket.is_some() => AT_FILE.to_owned(),
            Some(given) => address(&given)?,
            None => ADDRESS.to_owned(),
        };
        let client = match (path(&self.client_cert, "CLIENT_CERT"), path(&self.client_key, "CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Error::Usage("-client-cert and -client-key go together: give both".into())),
        };
        Ok(Settings {
            namespace: text(&self.namespace, "NAMESPACE").filter(|path| !path.trim_matches('/').is_empty()),
            token: match environment.token() {
                Some(token) => Some(token),
                None => token_file::read(environment)?,
            },
            ca_cert: path(&self.ca_cert, "CACERT"),
            ca_path: path(&self.ca_path, "CAPATH"),
            ca_bytes: environment.get("CACERT_BYTES").filter(|_| self.ca_cert.is_none()),
            client,
            server_name: text(&self.tls_server_name, "TLS_SERVER_NAME"),
            skip_verify: flag(self.tls_skip_verify, "SKIP_VERIFY")?,
            wrap_ttl: text(&self.wrap_ttl, "WRAP_TTL"),
            headers: self.headers(environment)?,
            follow: !flag(self.disable_redirects, "DISABLE_REDIRECTS")?,
            told: match (self.output_curl_string, self.output_policy) {
                (true, _) => Some(Told::Curl),
                (_, true) => Some(Told::Policy),
                _ => None,
            },
            proxy: if socket.is_some() { None } else { Proxy::before(&address, environment)? },
            format: self.format(environment)?,
            retries: retries(environment)?,
            timeout: timeout(environment)?,
            address,
            socket,
        })
    }
}

impl Connection {
    /// How answers are shown.
    pub(crate) fn format(&self, environment: &Environment) -> Result<Format, Error> {
        match (self.format, environment.get("FORMAT")) {
            (Some(format), _) => Ok(format),
            (None, Some(name)) => Format::named(&name),
            (None, None) => Ok(Format::Table),
        }
    }

    /// Those that the user names, and those that options stand for.
    fn headers(&self, environment: &Environment) -> Result<Vec<(String, SecretString)>, Error> {
        let mut headers = self.header.iter().map(|header| pair(header)).collect::<Result<Vec<_>, _>>()?;
        if self.policy_override {
            headers.push(("X-Vault-Policy-Override".into(), "true".into()));
        }
        let proofs = if self.mfa.is_empty() { environment.get("MFA").into_iter().collect() } else { self.mfa.clone() };
        headers.extend(proofs.into_iter().map(|proof| ("X-Vault-MFA".into(), SecretString::from(proof))));
        Ok(headers)
    }
}

/// The file of an address as `unix:///run/innkeeper.sock`.
fn socket(given: &str) -> Result<Option<PathBuf>, Error> {
    const SCHEME: &str = "unix://";
    let begins = given.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    let file = PathBuf::from(given.get(SCHEME.len()..).filter(|_| begins).unwrap_or_default());
    match (begins, file.is_absolute()) {
        (false, _) => Ok(None),
        (true, true) => Ok(Some(file)),
        (true, false) => {
            let right = "must name a file from the root, as in unix:///run/innkeeper.sock";
            Err(Error::Usage(format!("-address (VAULT_ADDR) {right}, and is {given:?}")))
        }
    }
}

/// An address that can be one, with its scheme in small letters.
fn address(given: &str) -> Result<String, Error> {
    let wrong = |right: &str| Error::Usage(format!("-address (VAULT_ADDR) {right}, and is {given:?}"));
    let begins = |scheme: &&str| given.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let scheme = ["http://", "https://"].into_iter().find(begins);
    let scheme =
        scheme.ok_or_else(|| wrong("must begin with http://, https:// or unix://, as in https://127.0.0.1:8200"))?;
    let address = format!("{scheme}{}", &given[scheme.len()..]);
    let uri: Uri = address.parse().map_err(|_| wrong("must be an address as https://127.0.0.1:8200"))?;
    // A port that is none would be left out.
    let authority = uri.authority().ok_or_else(|| wrong("must name a host, as in https://127.0.0.1:8200"))?;
    let port = authority.as_str().rsplit('@').next().and_then(|host| host.strip_prefix(authority.host()));
    match port.unwrap_or_default().strip_prefix(':') {
        Some(port) if port.parse().is_ok_and(|port: u16| port > 0) => Ok(address),
        None => Ok(address),
        Some(_) => Err(wrong("must have a port from 1 to 65535")),
    }
}

fn pair(header: &str) -> Result<(String, SecretString), Error> {
    match header.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), SecretString::from(value))),
        _ => Err(Error::Usage("-header must be NAME=VALUE".into())),
    }
}

fn retries(environment: &Environment) -> Result<usize, Error> {
    let Some(given) = environment.get("MAX_RETRIES") else { return Ok(0) };
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
        assert_eq!((none.address.as_str(), none.retries, none.timeout), (ADDRESS, 0, Duration::from_secs(60)));
        assert!(none.token.is_none() && none.namespace.is_none() && !none.skip_verify);
        let variables = [
            ("VAULT_ADDR", "http://b"),
            ("VAULT_NAMESPACE", "team-a"),
            ("VAULT_TOKEN", "s.1"),
            ("VAULT_SKIP_VERIFY", "1"),
            ("VAULT_CLIENT_TIMEOUT", "1m30s"),
            ("VAULT_MAX_RETRIES", "3"),
        ];
        let found = settle(&Connection::default(), &variables).unwrap();
        assert_eq!((found.address.as_str(), found.namespace.as_deref()), ("http://b", Some("team-a")));
        assert_eq!(found.token.unwrap().expose_secret(), "s.1");
        assert_eq!((found.retries, found.timeout), (3, Duration::from_secs(90)));
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
    fn an_address_may_be_in_capitals_and_its_port_must_be_one() {
        let found = |given: &str| {
            let connection = Connection { address: Some(given.into()), ..Connection::default() };
            settle(&connection, &[]).map(|settings| settings.address).map_err(|error| error.to_string())
        };
        assert_eq!(found("HTTPS://Host:1/a").unwrap(), "https://Host:1/a");
        assert_eq!(found("http://[::1]:8200").unwrap(), "http://[::1]:8200");
        for wrong in ["http://127.0.0.1:99999", "http://host:0", "http://[::1]:x", "http://", "host:1", "unix://run/a"]
        {
            let refused = found(wrong).unwrap_err();
            assert!(refused.starts_with("-address (VAULT_ADDR) must "), "{wrong}: {refused}");
        }
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
