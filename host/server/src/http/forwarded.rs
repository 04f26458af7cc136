//! Where a request came from when proxies stand before the listener: `X-Forwarded-For`, read by Vault's rules.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderMap;
use model::Fault;

use crate::config::Forwarded;

const HEADER: &str = "x-forwarded-for";

/// The client's address: the connection's own, or the one that a proxy names which is believed.
pub(super) fn peer(headers: &HeaderMap, peer: SocketAddr, rules: Option<&Forwarded>) -> Result<SocketAddr, Fault> {
    let Some(rules) = rules else { return Ok(peer) };
    if !headers.contains_key(HEADER) {
        return if rules.reject_not_present {
            Err(Fault::invalid("missing x-forwarded-for header and configured to reject when not present"))
        } else {
            Ok(peer)
        };
    }
    let own = peer.ip().to_canonical();
    if !rules.authorized.iter().any(|network| network.contains(&own)) {
        return if rules.reject_not_authorized {
            let text = "client address not authorized for x-forwarded-for and configured to reject connection";
            Err(Fault::invalid(text))
        } else {
            Ok(peer)
        };
    }
    let named = named(headers, rules.hop_skips)?;
    Ok(SocketAddr::new(named, peer.port()))
}

/// The entry before those of the proxies in between. The list grows to the right, over repeated headers too.
fn named(headers: &HeaderMap, skips: usize) -> Result<IpAddr, Fault> {
    let unreadable = || Fault::invalid("x-forwarded-for: must be a list of addresses");
    let mut entries = Vec::new();
    for value in headers.get_all(HEADER) {
        entries.extend(value.to_str().map_err(|_| unreadable())?.split(',').map(str::trim));
    }
    let index = entries.len().checked_sub(skips + 1).ok_or_else(|| {
        Fault::invalid(format!(
            "malformed x-forwarded-for configuration or request, hops to skip ({skips}) would skip before earliest \
             chain link (chain length {})",
            entries.len()
        ))
    })?;
    let entry = entries.get(index).copied().unwrap_or_default();
    let address = entry.parse::<IpAddr>().or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()));
    address.map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, sent: &[&str], rules: &Forwarded) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(HEADER, value.parse().unwrap());
        }
        let found = peer(&headers, from.parse().unwrap(), Some(rules));
        found.map(|peer| peer.to_string()).map_err(|fault| fault.messages.join(""))
    }

    fn rules(hop_skips: usize, reject_not_authorized: bool, reject_not_present: bool) -> Forwarded {
        let authorized = vec!["10.0.0.0/8".parse().unwrap(), "fd00::1/128".parse().unwrap()];
        Forwarded { authorized, hop_skips, reject_not_authorized, reject_not_present }
    }

    #[test]
    fn a_believed_proxy_names_the_client_and_others_do_not() {
        let strict = rules(0, true, true);
        for (from, sent, peer) in [
            ("10.1.2.3:99", &["192.0.2.7"][..], "192.0.2.7:99"),
            ("[::ffff:10.1.2.3]:99", &["192.0.2.7"], "192.0.2.7:99"),
            ("[fd00::1]:99", &["2001:db8::5"], "[2001:db8::5]:99"),
            ("10.1.2.3:99", &["192.0.2.7:4711"], "192.0.2.7:99"),
            ("10.1.2.3:99", &["198.51.100.1, 192.0.2.7"], "192.0.2.7:99"),
            ("10.1.2.3:99", &["198.51.100.1", "192.0.2.7"], "192.0.2.7:99"),
        ] {
            assert_eq!(asked(from, sent, &strict).as_deref(), Ok(peer), "{from} {sent:?}");
        }
        for (from, sent, says) in [
            ("10.1.2.3:99", &[][..], "missing x-forwarded-for"),
            ("11.1.2.3:99", &["192.0.2.7"], "not authorized"),
            ("10.1.2.3:99", &["nobody"], "must be a list of addresses"),
            ("10.1.2.3:99", &[""], "must be a list of addresses"),
        ] {
            assert!(asked(from, sent, &strict).unwrap_err().contains(says), "{from} {sent:?}");
        }
    }

    #[test]
    fn lenient_rules_fall_back_to_the_connection() {
        let lenient = rules(0, false, false);
        assert_eq!(asked("11.1.2.3:99", &["192.0.2.7"], &lenient).unwrap(), "11.1.2.3:99");
        assert_eq!(asked("10.1.2.3:99", &[], &lenient).unwrap(), "10.1.2.3:99");
    }

    #[test]
    fn proxies_in_between_are_skipped_and_a_short_list_is_refused() {
        let skipping = rules(1, true, true);
        let chain = ["192.0.2.7, 10.9.9.9"];
        assert_eq!(asked("10.1.2.3:99", &chain, &skipping).unwrap(), "192.0.2.7:99");
        assert!(asked("10.1.2.3:99", &["192.0.2.7"], &skipping).unwrap_err().contains("hops to skip (1)"));
    }
}
