//! Serial numbers as text: hex bytes with colons in answers, with dashes in storage, either of them in requests.

use innkeeper_guest::prelude::*;

/// Longest serial number that is looked up. RFC 5280 section 4.1.2.2 allows 20 octets, some CAs use more.
const LENGTH_MAX: usize = 64;

/// A new serial number: 20 octets, positive, and random in all but the sign bit and the guarantee that the first
/// octet is not zero (RFC 5280 section 4.1.2.2).
pub(crate) fn random() -> [u8; 20] {
    loop {
        let mut bytes: [u8; 20] = random::array();
        bytes[0] &= 0x7F;
        if bytes[0] != 0 {
            return bytes;
        }
    }
}

/// `1f:02:…`
pub(crate) fn colons(bytes: &[u8]) -> String {
    joined(bytes, ':')
}

/// `1f-02-…`
pub(crate) fn dashes(bytes: &[u8]) -> String {
    joined(bytes, '-')
}

/// Reads hex pairs separated by colons or dashes, in either case.
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.is_empty() || text.len() > 3 * LENGTH_MAX {
        return None;
    }
    text.split([':', '-']).map(|pair| if pair.len() == 2 { hex::decode(pair).ok()?.pop() } else { None }).collect()
}

fn joined(bytes: &[u8], separator: char) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(separator);
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_separator_and_either_case_name_the_same_serial() {
        let bytes = vec![0x1F, 0x02, 0xAB];
        for text in ["1f:02:ab", "1F-02-AB", "1f-02:aB", " 1f:02:ab "] {
            assert_eq!(parse(text), Some(bytes.clone()), "{text}");
        }
        assert_eq!(colons(&bytes), "1f:02:ab");
        assert_eq!(dashes(&bytes), "1f-02-ab");
    }

    #[test]
    fn what_is_no_serial_is_refused() {
        let long = "aa:".repeat(70);
        for text in ["", "1", "xyz", "1f::02", "1f:", ":1f", "1f02", "../a", "é:aa", long.as_str()] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_new_serial_has_twenty_octets_and_is_positive() {
        for _ in 0..1000 {
            let serial = random();
            assert!(serial[0] != 0 && serial[0] < 0x80);
        }
    }
}
