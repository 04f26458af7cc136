//! The networks that a token may be used from.

use std::net::IpAddr;

use ipnet::IpNet;
use model::Fault;

/// Most networks of one token.
const NETS_MAX: usize = 64;

/// Reads networks as clients name them: addresses, or blocks as in `10.0.0.0/8`.
pub fn parse(field: &str, texts: &[String]) -> Result<Vec<IpNet>, Fault> {
    if texts.len() > NETS_MAX {
        return Err(Fault::invalid(format!("{field}: must name at most {NETS_MAX} networks")));
    }
    let refuse = || Fault::invalid(format!("{field}: must be addresses, or networks such as \"10.0.0.0/8\""));
    texts.iter().map(|text| one(text.trim()).ok_or_else(refuse)).collect()
}

fn one(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    // Peers are known by their own addresses, also where a network of version 4 is written as one of version 6.
    let own = match net {
        IpNet::V6(within) if within.prefix_len() >= 96 => within.network().to_ipv4_mapped().map(IpAddr::V4),
        _ => None,
    };
    match own {
        Some(address) => IpNet::new(address, net.prefix_len() - 96).ok(),
        None => Some(net.trunc()),
    }
}

/// A network as clients name it: an address by itself where it is just one.
pub fn shown(nets: &[IpNet]) -> Vec<String> {
    let one =
        |net: &IpNet| if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() };
    nets.iter().map(one).collect()
}

/// Whether an address lies in one of these networks. Without networks, every address may come; with them, one that is
/// not known may not.
pub fn admit(nets: &[IpNet], peer: Option<IpAddr>) -> bool {
    // A listener for both families shows addresses of version 4 inside those of version 6.
    let peer = peer.map(|peer| peer.to_canonical());
    nets.is_empty() || peer.is_some_and(|peer| nets.iter().any(|net| net.contains(&peer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        parse("bound_cidrs", &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_peer_comes_in_from_its_networks_and_from_no_other() {
        let bound = nets(&["10.1.2.3/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"]);
        for (peer, may) in [
            ("10.255.0.1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.0.0.1", true),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("198.51.100.9", true),
            ("198.51.101.9", false),
        ] {
            assert_eq!(admit(&bound, Some(peer.parse().unwrap())), may, "{peer}");
        }
        assert!(!admit(&bound, None), "who knows where that came from");
        assert!(admit(&[], None));
    }

    #[test]
    fn what_is_no_network_is_refused_by_the_name_of_the_field() {
        for bad in ["", "10.0.0.0/33", "a", "10.0.0", "::/129", "10.0.0.1:80"] {
            let refused = parse("bound_cidrs", &[bad.to_owned()]).unwrap_err();
            assert!(refused.messages[0].starts_with("bound_cidrs: must be"), "{bad}");
        }
        assert!(parse("bound_cidrs", &vec!["10.0.0.1".to_owned(); NETS_MAX + 1]).is_err());
    }
}
