//! Addresses that belong to the inside of some network.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// Everything that is not the open internet (IANA's registries of special-purpose addresses), with the blocks that carry
/// other addresses inside.
const SPECIAL: [&str; 26] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Whether an address is of the open internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    static BLOCKS: LazyLock<Vec<IpNet>> =
        LazyLock::new(|| SPECIAL.iter().filter_map(|text| text.parse().ok()).collect());
    let address = address.to_canonical();
    !BLOCKS.iter().any(|block| block.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_read() {
        for text in SPECIAL {
            assert!(text.parse::<IpNet>().is_ok(), "{text}");
        }
    }

    #[test]
    fn inside_addresses_are_told_from_public_ones() {
        for inside in [
            "127.0.0.1",
            "10.1.1.1",
            "169.254.169.254",
            "192.168.1.1",
            "172.31.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "::1",
            "::",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "255.255.255.255",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
