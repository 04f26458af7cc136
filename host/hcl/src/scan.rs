//! Characters to tokens.

use crate::text::unquoted;
use crate::{Error, Position};

/// A character that the language keeps for itself.
const RESERVED: char = '\u{E123}';

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    End,
    Word(String),
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Assign,
    Comma,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
}

impl Token {
    /// How an error speaks of it.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::End => "the end of the text",
            Self::Word(_) => "a word",
            Self::Text(_) => "a text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Flag(_) => "a boolean",
            Self::Assign => "'='",
            Self::Comma => "','",
            Self::OpenBrace => "'{'",
            Self::CloseBrace => "'}'",
            Self::OpenBracket => "'['",
            Self::CloseBracket => "']'",
        }
    }
}

pub(crate) struct Scanner<'a> {
    text: &'a str,
    /// Where the next character is, in bytes.
    offset: usize,
    /// Where the next character is.
    at: Position,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, at: Position { line: 1, column: 1 } }
    }

    /// The next token and where it begins. At the end there are [`Token::End`]s without end.
    pub(crate) fn next(&mut self) -> Result<(Token, Position), Error> {
        self.skip_blanks()?;
        let at = self.at;
        let Some(first) = self.peek() else { return Ok((Token::End, at)) };
        let token = match first {
            '"' => Token::Text(self.quoted(at)?),
            '<' => Token::Text(self.heredoc(at)?),
            '0'..='9' | '-' | '.' => self.number(at)?,
            _ if is_letter(first) => self.word(),
            _ => {
                self.advance();
                match first {
                    '=' => Token::Assign,
                    ',' => Token::Comma,
                    '{' => Token::OpenBrace,
                    '}' => Token::CloseBrace,
                    '[' => Token::OpenBracket,
                    ']' => Token::CloseBracket,
                    '\0' => return Err(Error::new(at, "unexpected null character (0x00)")),
                    _ => return Err(Error::new(at, "illegal char")),
                }
            }
        };
        Ok((token, at))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        if next == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.offset;
        while self.peek().is_some_and(&wanted) {
            self.advance();
        }
        &self.text[start..self.offset]
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let (at, rest) = (self.at, self.rest());
            if rest.starts_with('#') || rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if let Some(inside) = rest.strip_prefix("/*") {
                // `/*/` does not end itself.
                let end = inside.find("*/").ok_or_else(|| Error::new(at, "comment not terminated"))?;
                let after = self.offset + 2 + end + 2;
                while self.offset < after {
                    self.advance();
                }
            } else if rest.starts_with('/') {
                return Err(Error::new(at, "expected '/' for comment"));
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> Token {
        let word = self.take_while(|c| is_letter(c) || c.is_numeric() || c == '-' || c == '.');
        match word {
            "true" => Token::Flag(true),
            "false" => Token::Flag(false),
            _ => Token::Word(word.to_owned()),
        }
    }

    /// A text between quotes. Between `${` and its brace quotes and line ends are plain characters.
    fn quoted(&mut self, at: Position) -> Result<String, Error> {
        self.advance();
        let start = self.offset;
        let mut braces = 0_usize;
        loop {
            let here = self.at;
            let end = self.offset;
            match self.advance() {
                Some('"') if braces == 0 => return unquoted(&self.text[start..end], at),
                None => return Err(Error::new(at, "literal not terminated")),
                Some('\n') if braces == 0 => return Err(Error::new(at, "literal not terminated")),
                Some('\0') => return Err(Error::new(here, "unexpected null character (0x00)")),
                Some(RESERVED) => return Err(Error::new(here, "the character U+E123 is reserved")),
                Some('\\') if braces == 0 => {
                    self.advance();
                }
                Some('$') if braces == 0 && self.peek() == Some('{') => {
                    self.advance();
                    braces = 1;
                }
                Some('{') if braces > 0 => braces += 1,
                Some('}') if braces > 0 => braces -= 1,
                Some(_) => {}
            }
        }
    }

    /// `<<WORD`, lines, and the word on a line of its own. With `<<-WORD`, lines lose the indentation of the last one
    /// if all have it.
    fn heredoc(&mut self, at: Position) -> Result<String, Error> {
        self.advance();
        if self.advance() != Some('<') {
            return Err(Error::new(at, "heredoc expected second '<', didn't see it"));
        }
        let indented = self.peek() == Some('-');
        if indented {
            self.advance();
        }
        let anchor = self.take_while(|c| is_letter(c) || c.is_numeric());
        if self.peek() == Some('\r') {
            self.advance();
        }
        match self.advance() {
            Some('\n') if !anchor.is_empty() => {}
            Some('\n') => return Err(Error::new(at, "zero-length heredoc anchor")),
            None => return Err(Error::new(at, "heredoc not terminated")),
            Some(_) => return Err(Error::new(at, "invalid characters in heredoc anchor")),
        }
        let start = self.offset;
        loop {
            let line_start = self.offset;
            let line = self.take_while(|c| c != '\n' && c != '\0');
            if self.advance() != Some('\n') {
                return Err(Error::new(at, "heredoc not terminated"));
            }
            let word = line.trim_start_matches(|c: char| c.is_ascii_whitespace()).trim_end_matches('\r');
            if word == anchor {
                let margin = &line[..line.len() - line.trim_start_matches(|c: char| c.is_ascii_whitespace()).len()];
                let body = &self.text[start..line_start];
                return Ok(if indented { without_margin(body, margin) } else { body.to_owned() });
            }
        }
    }

    fn number(&mut self, at: Position) -> Result<Token, Error> {
        let start = self.offset;
        self.take_while(|c| c == '-');
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        // The sign of an exponent.
        let written = &self.text[start..self.offset];
        if written.ends_with(['e', 'E']) && !written.contains(['x', 'X']) {
            self.take_while(|c| c == '+' || c == '-');
            self.take_while(|c| c.is_ascii_digit());
        }
        read_number(&self.text[start..self.offset]).ok_or_else(|| Error::new(at, "illegal number"))
    }
}

fn read_number(written: &str) -> Option<Token> {
    let (negative, digits) = written.strip_prefix('-').map_or((false, written), |digits| (true, digits));
    let integer = |digits: &str, base| {
        let plain = !digits.starts_with(['+', '-']);
        let number = i128::from_str_radix(digits, base).ok().filter(|_| plain)?;
        i64::try_from(if negative { -number } else { number }).ok().map(Token::Integer)
    };
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return integer(hex, 16);
    }
    if digits.contains(['.', 'e', 'E']) {
        let first = digits.chars().next().is_some_and(|c| c.is_ascii_digit() || c == '.');
        let number: f64 = digits.parse().ok().filter(|number: &f64| first && number.is_finite())?;
        return Some(Token::Float(if negative { -number } else { number }));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return integer(digits, 8);
    }
    integer(digits, 10)
}

fn without_margin(body: &str, margin: &str) -> String {
    if !body.lines().all(|line| line.starts_with(margin)) {
        return body.to_owned();
    }
    body.split_inclusive('\n').map(|line| &line[margin.len()..]).collect()
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}
