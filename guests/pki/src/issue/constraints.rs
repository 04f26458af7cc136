//! Name constraints (RFC 5280 section 4.2.1.10).

use std::net::IpAddr;

use der::asn1::OctetString;
use innkeeper_guest::prelude::*;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;

use super::wish::ConstraintsWish;
use crate::x509::names::ascii;
use crate::x509::{encoding, extensions};

/// The extension, critical; `None` when nothing is constrained.
pub(crate) fn extension(wish: &ConstraintsWish) -> Result<Option<Extension>, Fault> {
    let permitted = subtrees(
        &wish.permitted_dns_domains,
        ("permitted_ip_ranges", &wish.permitted_ip_ranges),
        &wish.permitted_email_addresses,
        &wish.permitted_uri_domains,
    )?;
    let excluded = subtrees(
        &wish.excluded_dns_domains,
        ("excluded_ip_ranges", &wish.excluded_ip_ranges),
        &wish.excluded_email_addresses,
        &wish.excluded_uri_domains,
    )?;
    if permitted.is_none() && excluded.is_none() {
        return Ok(None);
    }
    extensions::of(true, &NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded }).map(Some)
}

fn subtrees(
    dns: &[String],
    (field, ranges): (&str, &[String]),
    emails: &[String],
    uris: &[String],
) -> Result<Option<Vec<GeneralSubtree>>, Fault> {
    let mut names = Vec::new();
    for domain in dns {
        names.push(GeneralName::DnsName(ascii("DNS domain", domain)?));
    }
    for range in ranges {
        let bytes = network(range).ok_or_else(|| {
            Fault::invalid(format!("{field}: {range:?} must be a range such as 10.0.0.0/8 or 2001:db8::/32"))
        })?;
        names.push(GeneralName::IpAddress(OctetString::new(bytes).map_err(encoding)?));
    }
    for email in emails {
        names.push(GeneralName::Rfc822Name(ascii("email address", email)?));
    }
    for uri in uris {
        names.push(GeneralName::UniformResourceIdentifier(ascii("URI domain", uri)?));
    }
    let trees: Vec<_> = names.into_iter().map(|base| GeneralSubtree { base, minimum: 0, maximum: None }).collect();
    Ok((!trees.is_empty()).then_some(trees))
}

/// Address and mask of a CIDR range, as the constraint holds them.
fn network(range: &str) -> Option<Vec<u8>> {
    let (address, length) = range.trim().split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let address = match address.parse().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits = u32::try_from(address.len()).ok()? * 8;
    if length > bits {
        return None;
    }
    let mask: Vec<u8> = (0..bits / 8)
        .map(|byte| match length.saturating_sub(byte * 8) {
            0 => 0,
            set @ 1..8 => !(0xFF_u8 >> set),
            _ => 0xFF,
        })
        .collect();
    let base = address.iter().zip(&mask).map(|(byte, mask)| byte & mask);
    Some(base.chain(mask.iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_become_address_and_mask() {
        assert_eq!(network("10.1.2.3/8"), Some(vec![10, 0, 0, 0, 255, 0, 0, 0]));
        assert_eq!(network("10.1.2.3/20"), Some(vec![10, 1, 0, 0, 255, 255, 240, 0]));
        assert_eq!(network("0.0.0.0/0"), Some(vec![0; 8]));
        assert_eq!(network("::1/128").map(|bytes| bytes.len()), Some(32));
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "::/129"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }

    #[test]
    fn constraints_are_encoded_as_openssl_does() {
        let wish = ConstraintsWish {
            permitted_dns_domains: vec!["a.b".into()],
            excluded_ip_ranges: vec!["10.0.0.0/8".into()],
            ..ConstraintsWish::default()
        };
        let extension = extension(&wish).unwrap().unwrap();
        assert!(extension.critical);
        assert_eq!(
            hex::encode(extension.extn_value.as_bytes()),
            "3017a0073005 8203612e62a10c300a87080a000000ff000000".replace(' ', "")
        );
        assert!(super::extension(&ConstraintsWish::default()).unwrap().is_none());
    }
}
