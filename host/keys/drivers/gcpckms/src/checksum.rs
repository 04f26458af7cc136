//! CRC-32C (RFC 3720 appendix B.4), by which Cloud KMS and its clients find what was damaged on the way.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "a byte")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The checksum, in the number that the service writes it in.
pub(crate) fn crc32c(bytes: &[u8]) -> i64 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)]);
    i64::from(!crc)
}

/// Whether bytes came with their checksum. An answer without one was not checked by anybody: it counts as damaged.
pub(crate) fn holds(bytes: &[u8], checksum: Option<i64>) -> bool {
    checksum == Some(crc32c(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b""), 0);
        assert!(holds(b"a", Some(crc32c(b"a"))) && !holds(b"a", Some(0)) && !holds(b"", None));
    }
}
