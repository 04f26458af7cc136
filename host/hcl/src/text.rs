//! Escapes in quoted texts.

use std::str::Chars;

use crate::{Error, Position};

/// The text that was written between quotes. What stands in `${…}` is kept as it is.
pub(crate) fn unquoted(written: &str, at: Position) -> Result<String, Error> {
    let illegal = || Error::new(at, "illegal char escape");
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, &mut bytes).ok_or_else(illegal)?,
            '$' if rest.as_str().starts_with('{') => copy_braces(&mut rest, &mut bytes),
            _ => push(next, &mut bytes),
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::new(at, "escapes make a text that is no UTF-8"))
}

fn push(c: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// `${` to its closing brace; the `$` was read already.
fn copy_braces(rest: &mut Chars<'_>, bytes: &mut Vec<u8>) {
    bytes.push(b'$');
    let mut braces = 0_usize;
    for next in rest {
        push(next, bytes);
        match next {
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        if braces == 0 {
            return;
        }
    }
}

/// What follows a backslash.
fn escape(rest: &mut Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let plain = match rest.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        first @ '0'..='7' => {
            let more = digits(rest, 2, 8)?;
            u8::try_from(first.to_digit(8)? * 64 + more).ok()?
        }
        'x' => u8::try_from(digits(rest, 2, 16)?).ok()?,
        'u' => {
            push(char::from_u32(digits(rest, 4, 16)?)?, bytes);
            return Some(());
        }
        'U' => {
            push(char::from_u32(digits(rest, 8, 16)?)?, bytes);
            return Some(());
        }
        _ => return None,
    };
    bytes.push(plain);
    Some(())
}

fn digits(rest: &mut Chars<'_>, count: usize, base: u32) -> Option<u32> {
    let mut number: u32 = 0;
    for _ in 0..count {
        number = number.checked_mul(base)?.checked_add(rest.next()?.to_digit(base)?)?;
    }
    Some(number)
}
