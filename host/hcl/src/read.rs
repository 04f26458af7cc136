//! Tokens to entries.

use crate::scan::{Scanner, Token};
use crate::{DEPTH_MAX, Entry, Error, Key, Position, Value};

/// Reads a document in HCL.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, Error> {
    let mut reader = Reader { scanner: Scanner::new(text), ahead: None, depth: 0 };
    let entries = reader.entries()?;
    match reader.next()? {
        (Token::End, _) => Ok(entries),
        (token, at) => Err(unexpected(at, "a key", &token)),
    }
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    ahead: Option<(Token, Position)>,
    depth: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<(Token, Position), Error> {
        match self.ahead.take() {
            Some(token) => Ok(token),
            None => self.scanner.next(),
        }
    }

    fn peek(&mut self) -> Result<&Token, Error> {
        let token = self.next()?;
        Ok(&self.ahead.insert(token).0)
    }

    /// Entries up to a closing brace or the end, which is left. Commas between them may be there or not.
    fn entries(&mut self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        while !matches!(self.peek()?, Token::End | Token::CloseBrace) {
            entries.push(self.entry()?);
            if *self.peek()? == Token::Comma {
                self.next()?;
            }
        }
        Ok(entries)
    }

    fn entry(&mut self) -> Result<Entry, Error> {
        let mut keys = Vec::new();
        loop {
            let (token, at) = self.next()?;
            match token {
                Token::Word(text) | Token::Text(text) => keys.push(Key { text, at }),
                Token::Assign if keys.len() == 1 => return Ok(Entry { keys, value: self.value()? }),
                Token::OpenBrace if !keys.is_empty() => return Ok(Entry { keys, value: self.object(at)? }),
                Token::Assign if !keys.is_empty() => return Err(unexpected(at, "'{' after several keys", &token)),
                _ => {
                    let wanted = if keys.is_empty() { "a key" } else { "'=' or '{' after the key" };
                    return Err(unexpected(at, wanted, &token));
                }
            }
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let (token, at) = self.next()?;
        match token {
            Token::Text(text) => Ok(Value::Text(text)),
            Token::Integer(number) => Ok(Value::Integer(number)),
            Token::Float(number) => Ok(Value::Float(number)),
            Token::Flag(flag) => Ok(Value::Flag(flag)),
            Token::OpenBrace => self.object(at),
            Token::OpenBracket => self.list(at),
            token => Err(unexpected(at, "a value", &token)),
        }
    }

    /// The rest of an object, after its opening brace.
    fn object(&mut self, at: Position) -> Result<Value, Error> {
        self.enter(at)?;
        let entries = self.entries()?;
        match self.next()? {
            (Token::CloseBrace, _) => {}
            (token, at) => return Err(unexpected(at, "'}'", &token)),
        }
        self.depth -= 1;
        Ok(Value::Object(entries))
    }

    /// The rest of a list, after its opening bracket. A comma may stand after the last value.
    fn list(&mut self, at: Position) -> Result<Value, Error> {
        self.enter(at)?;
        let mut values = Vec::new();
        loop {
            if *self.peek()? == Token::CloseBracket {
                break;
            }
            values.push(self.value()?);
            match self.next()? {
                (Token::Comma, _) => {}
                end @ (Token::CloseBracket, _) => {
                    self.ahead = Some(end);
                }
                (token, at) => return Err(unexpected(at, "',' or ']' in the list", &token)),
            }
        }
        self.next()?;
        self.depth -= 1;
        Ok(Value::List(values))
    }

    fn enter(&mut self, at: Position) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(at, "is nested deeper than 64 levels"));
        }
        Ok(())
    }
}

fn unexpected(at: Position, wanted: &str, found: &Token) -> Error {
    Error::new(at, format!("expected {wanted}, found {}", found.describe()))
}
