//! The proxy between here and the server, if there is one.

use std::net::IpAddr;

use ipnet::IpNet;
use ureq::http::Uri;

use super::url;
use crate::Error;
use crate::environment::Environment;

/// A proxy, and where it is named.
pub(crate) struct Proxy {
    pub(super) proxy: ureq::Proxy,
    variable: &'static str,
    address: String,
}

impl Proxy {
    /// What stands before this address. A variable of ours counts for any address; those that all programs have do not
    /// count for this machine, nor for what NO_PROXY names.
    pub(crate) fn before(address: &str, environment: &Environment) -> Result<Option<Self>, Error> {
        let ours = [("PROXY_ADDR", "VAULT_PROXY_ADDR"), ("HTTP_PROXY", "VAULT_HTTP_PROXY")];
        let ours = ours.into_iter().find_map(|(name, variable)| Some((variable, environment.get(name)?)));
        let found = match ours {
            Some(found) => Some(found),
            None if is_direct(address, environment) => None,
            None => {
                let own = if address.starts_with("https://") { "HTTPS_PROXY" } else { "HTTP_PROXY" };
                [own, "ALL_PROXY"].into_iter().find_map(|name| Some((name, environment.common(name)?)))
            }
        };
        let Some((variable, address)) = found else { return Ok(None) };
        let wrong = |_| Error::Usage(format!("{variable} must be the address of a proxy, as http://127.0.0.1:3128"));
        let proxy = ureq::Proxy::new(&address).map_err(wrong)?;
        Ok(Some(Self { proxy, variable, address: url::shown(&address) }))
    }
}

/// Words for errors: a server behind a proxy may not be to blame.
impl std::fmt::Display for Proxy {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "through the proxy {} of {}", self.address, self.variable)
    }
}

/// Whether no common proxy counts for the address.
fn is_direct(address: &str, environment: &Environment) -> bool {
    let uri: Option<Uri> = address.parse().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    if ip.map_or(host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback()) {
        return true;
    }
    let port = uri.as_ref().and_then(Uri::port_u16).map(|port| format!(":{port}")).unwrap_or_default();
    let except = environment.common("NO_PROXY").unwrap_or_default().to_ascii_lowercase();
    except.split(',').map(str::trim).any(|one| match (ip, one.strip_suffix(port.as_str()).unwrap_or(one)) {
        (_, "*") => true,
        (Some(ip), one) => one.parse() == Ok(ip) || one.parse().is_ok_and(|network: IpNet| network.contains(&ip)),
        (None, one) => {
            let name = one.trim_start_matches('*').trim_start_matches('.');
            let rest = host.strip_suffix(name).filter(|_| !name.is_empty());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(address: &str, variables: &[(&str, &str)]) -> Option<String> {
        Proxy::before(address, &Environment::of(variables, None)).unwrap().map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_proxy_of_all_programs_is_not_for_this_machine_nor_for_exceptions() {
        let proxy = ("https_proxy", "http://me:word@proxy:3128");
        let found = before("https://a.example:8200", &[proxy]).unwrap();
        assert_eq!(found, "through the proxy http://proxy:3128 of HTTPS_PROXY");
        for address in ["https://127.0.0.1:8200", "https://localhost", "https://[::1]:8200", "http://a.example"] {
            assert_eq!(before(address, &[proxy]), None, "{address}");
        }
        let except = ("NO_PROXY", "a.example, 10.0.0.0/8,.b.example,192.0.2.7:8200,fd00::/8");
        for (address, direct) in [
            ("https://a.example", true),
            ("https://x.a.example:8200", true),
            ("https://xa.example", false),
            ("https://c.b.example", true),
            ("https://10.1.2.3", true),
            ("https://11.1.2.3", false),
            ("https://192.0.2.7:8200", true),
            ("https://192.0.2.7:8201", false),
            ("https://[fd00::1]:8200", true),
        ] {
            assert_eq!(before(address, &[proxy, except]).is_none(), direct, "{address}");
        }
        assert_eq!(before("https://a.example", &[proxy, ("NO_PROXY", "*")]), None);
    }

    #[test]
    fn a_variable_of_ours_counts_for_any_address_and_must_be_one() {
        let ours = ("VAULT_HTTP_PROXY", "http://proxy:3128");
        let found = before("http://127.0.0.1:8200", &[ours, ("NO_PROXY", "*")]).unwrap();
        assert_eq!(found, "through the proxy http://proxy:3128 of VAULT_HTTP_PROXY");
        let wrong = Proxy::before("http://a", &Environment::of(&[("VAULT_PROXY_ADDR", "ftp://x y")], None));
        assert!(wrong.err().unwrap().to_string().starts_with("VAULT_PROXY_ADDR must be"));
    }
}
