//! PEM (RFC 7468): strict in what is written, tolerant in what is read, because people paste what tools print.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What stands in front of DER of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// What stands in front of DER of a certification request.
pub const REQUEST: &str = "CERTIFICATE REQUEST";
/// What stands in front of DER of a revocation list.
pub const CRL: &str = "X509 CRL";

/// Characters of base64 per line (RFC 7468 section 2).
const WIDTH: usize = 64;

/// One block of a PEM text.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// What the block says it is.
    pub label: String,
    /// What it holds.
    pub der: Vec<u8>,
}

/// Writes a block, without a newline at its end.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / WIDTH + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(WIDTH.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----");
    text
}

/// Reads all blocks. Text between them is skipped, as `openssl x509 -text` prints it; a block that is begun must be
/// whole.
pub fn decode(text: &str) -> Result<Vec<Block>, &'static str> {
    const BEGIN: &str = "-----BEGIN ";
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once("-----").ok_or("a PEM block has no end to its first line")?;
        if label.len() > 64 || label.contains('\n') {
            return Err("a PEM block has no end to its first line");
        }
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(end.as_str()).ok_or("a PEM block has no END line")?;
        blocks.push(Block { label: label.to_owned(), der: body_bytes(body)? });
        rest = after;
    }
    Ok(blocks)
}

/// The DER in PEM text, if the text is PEM with exactly this one label; else the text as base64 of DER.
pub fn decode_one(text: &str) -> Option<Vec<u8>> {
    if text.contains("-----BEGIN ") {
        return decode(text).ok()?.into_iter().next().map(|block| block.der).filter(|der| !der.is_empty());
    }
    body_bytes(text).ok().filter(|der| !der.is_empty())
}

fn body_bytes(body: &str) -> Result<Vec<u8>, &'static str> {
    let compact: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if compact.contains(':') {
        return Err("a PEM block is encrypted or has headers, which is not supported");
    }
    STANDARD.decode(compact).map_err(|_| "a PEM block is not base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for length in [0, 1, 47, 48, 49, 1000] {
            let der = vec![0xA5; length];
            let text = encode(CERTIFICATE, &der);
            assert!(!text.ends_with('\n') && text.lines().all(|line| line.len() <= 64));
            assert_eq!(decode(&text), Ok(vec![Block { label: CERTIFICATE.into(), der }]));
        }
    }

    #[test]
    fn text_between_blocks_is_skipped_and_crlf_tolerated() {
        let text = format!("Subject: x\r\n{}\r\nmore\n{}\n", encode("A", b"one"), encode("B", b"two"));
        let labels: Vec<_> =
            decode(&text.replace('\n', "\r\n")).unwrap().into_iter().map(|block| block.label).collect();
        assert_eq!(labels, ["A", "B"]);
    }

    #[test]
    fn no_damage_to_a_bundle_makes_it_panic_or_invents_a_block() {
        let whole = format!("{}\nBag\n{}\n", encode(CERTIFICATE, &[7; 100]), encode("EC PRIVATE KEY", &[9; 50]));
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).map_or(0, |blocks| blocks.len()) <= 2, "{length}");
        }
        for at in 0..whole.len() {
            for byte in [b'-', b'\n', b' ', 0, b'=', b':'] {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] = byte;
                let text = String::from_utf8(bytes).unwrap();
                assert!(decode(&text).map_or(0, |blocks| blocks.len()) <= 2, "{at}");
                let _ = decode_one(&text);
            }
        }
    }

    #[test]
    fn garbage_is_refused_or_nothing() {
        assert_eq!(decode("garbage"), Ok(vec![]));
        for text in [
            "-----BEGIN X-----\nAAAA",
            "-----BEGIN X",
            "-----BEGIN X-----\n!!!\n-----END X-----",
            "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END X-----",
            "-----BEGIN X-----\nAAAA\n-----END Y-----",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
