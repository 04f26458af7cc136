//! Networks that something may be used from.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::Fault;

/// An address, or a block of them in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    block: IpNet,
    /// Written as a single address.
    single: bool,
}

impl Network {
    /// Reads `10.0.0.1`, `10.0.0.0/8`, `fd00::1` or `fd00::/8`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self { block: address.to_canonical().into(), single: true });
        }
        let block: IpNet = text.parse().ok()?;
        // Who asks is known by an address of its own, also where a block of version 4 is written as one of version 6.
        let own = match block {
            IpNet::V6(within) if within.prefix_len() >= 96 => within.network().to_ipv4_mapped(),
            _ => None,
        };
        let block = match own {
            Some(address) => IpNet::new(address.into(), block.prefix_len() - 96).ok()?,
            None => block,
        };
        Some(Self { block, single: false })
    }

    /// Whether an address lies within. What is no address does not.
    pub fn contains(&self, address: &str) -> bool {
        address.parse::<IpAddr>().is_ok_and(|address| self.block.contains(&address.to_canonical()))
    }

    /// Whether all of the other lies within.
    pub fn covers(&self, other: &Self) -> bool {
        self.block.contains(&other.block)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.single { write!(f, "{}", self.block.addr()) } else { write!(f, "{}", self.block) }
    }
}

/// Most networks in one list.
pub const NETWORKS_MAX: usize = 64;

/// Reads a list of networks; the fault names the field.
pub fn networks(field: &str, list: &[String]) -> Result<Vec<Network>, Fault> {
    if list.len() > NETWORKS_MAX {
        return Err(Fault::invalid(format!("{field}: at most 64 networks")));
    }
    let wrong = || Fault::invalid(format!("{field}: must hold addresses or CIDR blocks such as \"10.0.0.0/8\""));
    list.iter().map(|text| Network::parse(text).ok_or_else(wrong)).collect()
}

/// Whether an address lies in one of the networks; everybody does when there are none. Without an address, or with a list
/// that cannot be read, nobody does.
pub fn within(list: &[String], address: Option<&str>) -> bool {
    let lies_in =
        |address: &str| list.iter().filter_map(|text| Network::parse(text)).any(|block| block.contains(address));
    list.is_empty() || address.is_some_and(lies_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_its_own_network_only() {
        let list = ["10.0.0.0/8".to_owned(), "fd00::1".to_owned()];
        for (address, inside) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("fd00::1", true),
            ("fd00::2", false),
            ("x", false),
        ] {
            assert_eq!(within(&list, Some(address)), inside, "{address}");
        }
        assert!(!within(&list, None));
        assert!(within(&[], None));
    }

    #[test]
    fn what_is_no_network_is_refused_by_field() {
        for bad in ["10.0.0.0/33", "host", "10.0.0", ""] {
            let fault = networks("cidr_list", &[bad.to_owned()]).unwrap_err();
            assert!(fault.messages[0].starts_with("cidr_list: "), "{bad}");
        }
        assert_eq!(Network::parse("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert!(Network::parse("10.0.0.0/8").unwrap().covers(&Network::parse("10.1.0.0/16").unwrap()));
    }
}
