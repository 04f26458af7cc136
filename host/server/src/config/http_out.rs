//! `http_out`: which hosts auth methods may ask.

use outgoing::Allowed;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

impl Reader<'_> {
    /// The stanza stands once, in one of the files: lists of two would have to be looked for.
    pub(super) fn http_out(&mut self, value: &Value) -> Result<(), Error> {
        match flat(value).as_slice() {
            [Value::Object(body)] => self.http_out_body(body),
            [_, _, ..] => Err(self.wrong("http_out", "is there twice")),
            _ => Err(self.wrong("http_out", "must be a block")),
        }
    }

    fn http_out_body(&mut self, body: &Map<String, Value>) -> Result<(), Error> {
        for (name, value) in body {
            let key = format!("http_out.{name}");
            match name.as_str() {
                "allow" => {
                    let entries = self.texts(&key, value)?;
                    let allowed = Allowed::new(entries.iter().map(String::as_str));
                    self.config.http_out = allowed.map_err(|error| self.wrong(&key, error.to_string()))?;
                }
                _ => self.unknown(&key),
            }
        }
        Ok(())
    }
}
