//! Text in certificates: names and values of extensions, in whichever of ASN.1's kinds of text.

use der::asn1::AnyRef;
use der::{Decode, SliceReader, Tag, Tagged};

/// The text of a value, if it is one.
pub(crate) fn of(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
        // T.61 is read as Latin-1, as everybody does.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
        }
        _ => None,
    }
}

/// The text that an extension holds. What follows it is not looked at.
pub(crate) fn in_extension(value: &[u8]) -> Option<String> {
    let mut reader = SliceReader::new(value).ok()?;
    of(AnyRef::decode(&mut reader).ok()?)
}

#[cfg(test)]
mod tests {
    use super::in_extension;

    #[test]
    fn every_kind_of_text_is_read_and_nothing_else() {
        for (der, text) in [
            (&b"\x0c\x03abc"[..], Some("abc")),
            (b"\x13\x03abc", Some("abc")),
            (b"\x16\x03abc", Some("abc")),
            (b"\x14\x01\xe9", Some("é")),
            (b"\x1e\x04\x00a\x20\xac", Some("a€")),
            (b"\x0c\x01ab", Some("a")),
            (b"\x04\x03abc", None),
            (b"\x0c\x01\xff", None),
            (b"\x1e\x03\x00a\x20", None),
            (b"\x0c\x05ab", None),
            (b"", None),
        ] {
            assert_eq!(in_extension(der).as_deref(), text, "{der:?}");
        }
    }
}
