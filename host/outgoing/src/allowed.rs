//! Which hosts may be asked.

/// Port of entries that name none.
const HTTPS: u16 = 443;

/// The operator's list. Nothing is allowed by default.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// In lower case; without brackets; for a wildcard what follows `*`, beginning with a dot.
    host: String,
    port: u16,
}

/// How a host came to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its own name: the operator knows where it leads.
    Name,
    /// A wildcard: whoever keeps the zone decides where names lead, so only to the open internet.
    Wildcard,
}

/// An entry of the list that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("must hold entries such as \"host.example.org:443\", \"*.example.org:443\" or \"[fd00::1]:8443\", not {0:?}")]
pub struct Unreadable(String);

impl Allowed {
    /// Reads the list.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, Unreadable> {
        entries
            .into_iter()
            .map(|text| entry(text).ok_or_else(|| Unreadable(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a host may be asked on a port. Names come in lower case, addresses without brackets.
    pub(crate) fn find(&self, host: &str, port: u16) -> Option<By> {
        let here = || self.0.iter().filter(|entry| entry.port == port);
        if here().any(|entry| entry.host == host) {
            return Some(By::Name);
        }
        let below =
            |entry: &Entry| entry.host.starts_with('.') && host.len() > entry.host.len() && host.ends_with(&entry.host);
        here().any(below).then_some(By::Wildcard)
    }

    /// Whether a host is named itself, on whatever port.
    pub(crate) fn names(&self, host: &str) -> bool {
        self.0.iter().any(|entry| entry.host == host)
    }
}

fn entry(text: &str) -> Option<Entry> {
    let text = text.trim().to_ascii_lowercase();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text.as_str(), HTTPS),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Some(address) = bare {
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        return Some(Entry { host: address.to_string(), port });
    }
    let (name, host) = match host.strip_prefix("*.") {
        Some(zone) => (zone, format!(".{zone}")),
        None => (host, host.to_owned()),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    (port != 0 && name.len() <= 253 && name.split('.').all(label)).then_some(Entry { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_its_name_or_its_zone_on_its_port_and_nothing_else_is() {
        let allowed =
            Allowed::new(["a.example.org:443", "*.b.example.org", "[fd00::1]:8443", "127.0.0.1:8200", "Upper.Org"])
                .unwrap();
        for (host, port, by) in [
            ("a.example.org", 443, Some(By::Name)),
            ("a.example.org", 8443, None),
            ("x.a.example.org", 443, None),
            ("x.b.example.org", 443, Some(By::Wildcard)),
            ("x.y.b.example.org", 443, Some(By::Wildcard)),
            ("b.example.org", 443, None),
            ("xb.example.org", 443, None),
            ("fd00::1", 8443, Some(By::Name)),
            ("127.0.0.1", 8200, Some(By::Name)),
            ("upper.org", 443, Some(By::Name)),
            ("c.example.org", 443, None),
        ] {
            assert_eq!(allowed.find(host, port), by, "{host}:{port}");
        }
        assert_eq!(Allowed::default().find("a.example.org", 443), None);
    }

    #[test]
    fn entries_that_are_no_hosts_are_refused() {
        for bad in [
            "", "*", "*:443", "a:0", "a:x", "a..b", "http://a", "a/b", "*.*.org", "fd00::1", "[fd00::1", "a b",
            "a:70000",
        ] {
            assert!(Allowed::new([bad]).is_err(), "{bad:?}");
        }
    }
}
