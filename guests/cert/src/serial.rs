//! Serial numbers: bytes without leading zeros, written in hexadecimal in storage and in decimal for clients.

/// A serial number without leading zeros.
pub(crate) fn plain(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    bytes.get(zeros..).unwrap_or_default()
}

/// In decimal, as the method's clients know serial numbers.
pub(crate) fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// `1f:02:…`, as key identifiers are written.
pub(crate) fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_written_in_decimal_whatever_their_length() {
        for (bytes, text) in [
            (&[][..], "0"),
            (&[0], "0"),
            (&[255], "255"),
            (&[1, 0], "256"),
            (&[0xff; 8], "18446744073709551615"),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0], "18446744073709551616"),
        ] {
            assert_eq!(decimal(bytes), text);
        }
        assert_eq!((plain(&[0, 0, 5, 0]), plain(&[0])), (&[5, 0][..], &[0][..]));
        assert_eq!(colons(&[0x1f, 2]), "1f:02");
    }
}
