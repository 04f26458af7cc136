//! A snapshot's file: whatever it is, it is read or refused, and in the same way whatever pieces it comes in.
#![no_main]

use storage::archive::{Decoder, Error, Summary, verify};

fn in_pieces(file: &[u8], size: usize) -> Result<Summary, Error> {
    let mut decoder = Decoder::new();
    for piece in file.chunks(size) {
        decoder.feed(piece);
        while let Some(records) = decoder.step()? {
            assert!(!records.is_empty());
        }
    }
    decoder.finish()
}

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let whole = verify(file).map_err(|error| error.to_string());
    let pieces = in_pieces(file, 1 + file.len() % 7).map_err(|error| error.to_string());
    assert_eq!(whole, pieces);
});
