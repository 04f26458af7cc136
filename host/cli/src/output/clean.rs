//! Text of strangers: nothing in it moves the cursor, changes colours or turns the direction of writing.

/// Whether a terminal would act on it instead of showing it.
fn is_unsafe(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same text with whatever a terminal would act on written out. Line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    written_out(text, |letter| matches!(letter, '\n' | '\t'), escaped)
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(['\n', '\r', '\t']).map(str::trim).filter(|word| !word.is_empty()).collect();
    written_out(&words.join(" "), |_| false, escaped)
}

/// The same for JSON, where such letters have a spelling of their own.
pub(super) fn json_visible(text: &str) -> String {
    written_out(text, |letter| letter == '\n', |letter| format!("\\u{:04x}", u32::from(letter)))
}

fn escaped(letter: char) -> String {
    letter.escape_unicode().to_string()
}

fn written_out(text: &str, stays: impl Fn(char) -> bool, spelled: impl Fn(char) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unsafe(letter) && !stays(letter) {
            shown.push_str(&spelled(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_act_on_is_left() {
        assert_eq!(visible("a\x1b[31mb\u{9b}c\u{202e}d\ne\tf"), "a\\u{1b}[31mb\\u{9b}c\\u{202e}d\ne\tf");
        assert_eq!(
            one_line(" 1 error occurred:\n\t* permission\x07 denied\r\n\n"),
            "1 error occurred: * permission\\u{7} denied"
        );
        assert_eq!(json_visible("{\n \"a\": \"\u{7f}\u{85}\"\n}"), "{\n \"a\": \"\\u007f\\u0085\"\n}");
    }
}
