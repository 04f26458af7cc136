//! Addresses: what is asked, what of it may be shown, and where a name really leads.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::unix::{AtFile, Nowhere};
use crate::Error;
use crate::connection::Settings;

/// What a path cannot hold as it is. A path is taken as the user means it, so `%` is a letter too.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The whole address of a path of the API.
pub(crate) fn asked(settings: &Settings, path: &str, query: &[(String, String)]) -> String {
    let base = named(settings).unwrap_or_else(|| settings.address.clone());
    let mut address = format!("{}/v1/{}", base.trim_end_matches('/'), utf8_percent_encode(path, PATH));
    for (at, (name, value)) in query.iter().enumerate() {
        address.push(if at == 0 { '?' } else { '&' });
        address.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
        address.push('=');
        address.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    address
}

/// Without what may be secret: the query, and who somebody is to a proxy.
pub(crate) fn shown(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// The server as errors name it.
pub(crate) fn server(settings: &Settings) -> String {
    match &settings.socket {
        Some(file) => format!("unix://{}", file.display()),
        None => shown(&settings.address),
    }
}

/// Where a redirect leads.
pub(crate) fn redirected(from: &str, location: &str) -> Result<String, Error> {
    let unusable = || Error::Unreadable("the server sends elsewhere, but not to an address of http or https".into());
    if location.starts_with('/') && !location.starts_with("//") {
        let (scheme, rest) = from.split_once("://").ok_or_else(unusable)?;
        let authority = rest.split('/').next().unwrap_or_default();
        return Ok(format!("{scheme}://{authority}{location}"));
    }
    if from.starts_with("https://") && location.starts_with("http://") {
        return Err(Error::Unreadable("the server sends from https to http: the token does not go there".into()));
    }
    if location.starts_with("https://") || location.starts_with("http://") {
        Ok(location.to_owned())
    } else {
        Err(unusable())
    }
}

/// Where a redirect leads from a server at a file: there is only that server there.
pub(crate) fn redirected_at_file(from: &str, location: &str) -> Result<String, Error> {
    if location.starts_with('/') && !location.starts_with("//") {
        return redirected(from, location);
    }
    let to = shown(location);
    Err(Error::Unreadable(format!("the server sends to another one: say -address={to} or VAULT_ADDR={to}")))
}

/// The address with the name that the certificate must have, for the handshake.
fn named(settings: &Settings) -> Option<String> {
    let name = settings.server_name.as_ref()?;
    let uri: Uri = settings.address.parse().ok()?;
    Some(format!("{}://{name}{}{}", uri.scheme_str()?, port(&uri), uri.path().trim_end_matches('/')))
}

/// The address itself stays what the server is told, whatever its certificate is named.
pub(crate) fn host_header(settings: &Settings) -> Option<String> {
    settings.server_name.as_ref()?;
    let uri: Uri = settings.address.parse().ok()?;
    Some(format!("{}{}", uri.host()?, port(&uri)))
}

/// The port with its colon, if one is named.
fn port(uri: &Uri) -> String {
    uri.port().map(|port| format!(":{port}")).unwrap_or_default()
}

/// An agent that connects to the address, whatever name it asks for.
pub(crate) fn agent(config: Config, settings: &Settings) -> Result<Agent, Error> {
    if let Some(file) = &settings.socket {
        return Ok(Agent::with_parts(config, AtFile(file.clone()), Nowhere));
    }
    let Some(name) = &settings.server_name else { return Ok(Agent::new_with_config(config)) };
    let unusable = || Error::Usage(format!("-address (VAULT_ADDR) {:?} cannot be used", shown(&settings.address)));
    let real: Uri = settings.address.parse().map_err(|_| unusable())?;
    let resolver = Elsewhere { name: name.clone(), real, below: DefaultResolver::default() };
    Ok(Agent::with_parts(config, DefaultConnector::new(), resolver))
}

/// Finds the address where the name of the certificate is asked for.
#[derive(Debug)]
struct Elsewhere {
    name: String,
    real: Uri,
    below: DefaultResolver,
}

impl Resolver for Elsewhere {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let asked = if uri.host() == Some(self.name.as_str()) { &self.real } else { uri };
        self.below.resolve(asked, config, timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_neither_queries_nor_who_somebody_is() {
        assert_eq!(shown("https://me:word@host:8200/v1/a?key=b"), "https://host:8200/v1/a");
        assert_eq!(shown("http://host"), "http://host");
    }

    #[test]
    fn a_redirect_is_followed_to_where_it_may_lead() {
        assert_eq!(redirected("https://a:1/v1/x", "/v1/y").unwrap(), "https://a:1/v1/y");
        assert_eq!(redirected("http://a/v1/x", "https://b/v1/x").unwrap(), "https://b/v1/x");
        assert_eq!(redirected_at_file("http://localhost/v1/x", "/v1/y").unwrap(), "http://localhost/v1/y");
        let elsewhere = redirected_at_file("http://localhost/v1/x", "https://b/v1/y").unwrap_err().to_string();
        assert!(elsewhere.contains("-address=https://b/v1/y"), "{elsewhere}");
        for (from, to) in [("https://a/v1/x", "http://b/v1/x"), ("http://a", "ftp://b"), ("http://a", "//b/c")] {
            assert!(redirected(from, to).is_err(), "{to}");
        }
    }
}
