//! `K=V`, `K=@file`, `K=-`, `@file.json` and `-`: what becomes the body or the query of a request.

use std::path::Path;

use serde_json::{Map, Value};

use super::text_file;
use crate::Error;
use crate::terminal::Terminal;

/// The fields of a body. What cannot be read is told by its place: it may be secret.
pub(crate) fn data(arguments: &[String], terminal: &mut Terminal) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for (at, argument) in arguments.iter().enumerate() {
        match argument.as_str() {
            "-" => fields.extend(object(&terminal.input()?, "standard input")?),
            text if text.starts_with('@') && !text.contains('=') => {
                let file = &text[1..];
                fields.extend(object(&text_file(Path::new(file))?, file)?);
            }
            text => {
                let (key, value) = split(text, at)?;
                add(&mut fields, key, value_of(value, terminal)?);
            }
        }
    }
    Ok(fields)
}

/// The same for the query of a read, a list or a delete.
pub(crate) fn query(arguments: &[String], terminal: &mut Terminal) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for (key, value) in data(arguments, terminal)? {
        match value {
            Value::Array(items) => pairs.extend(items.into_iter().map(|item| (key.clone(), plain(item)))),
            value => pairs.push((key, plain(value))),
        }
    }
    Ok(pairs)
}

/// The pairs of an option that may be repeated, as `-metadata`: texts only.
pub(crate) fn strings(option: &str, pairs: &[String]) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for pair in pairs {
        let (key, value) = pair.split_once('=').ok_or_else(|| Error::Usage(format!("{option} must be KEY=VALUE")))?;
        fields.insert(key.trim().to_owned(), Value::String(value.to_owned()));
    }
    Ok(fields)
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

fn split(text: &str, at: usize) -> Result<(&str, &str), Error> {
    text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
        let at = at + 1;
        Error::Usage(format!("data {at}: must be KEY=VALUE, KEY=@FILE, KEY=-, @FILE.json, or - for standard input"))
    })
}

fn value_of(value: &str, terminal: &mut Terminal) -> Result<String, Error> {
    if value == "-" {
        return terminal.input();
    }
    match (value.strip_prefix('@'), value.strip_prefix("\\@")) {
        (Some(file), _) => text_file(Path::new(file)),
        (_, Some(literal)) => Ok(format!("@{literal}")),
        _ => Ok(value.to_owned()),
    }
}

/// A key that comes again makes a list.
fn add(fields: &mut Map<String, Value>, key: &str, value: String) {
    let value = Value::String(value);
    match fields.get_mut(key) {
        None => {
            fields.insert(key.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn object(text: &str, whence: &str) -> Result<Map<String, Value>, Error> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Error::Usage(format!("{whence}: must be an object in JSON, as {{\"key\": \"value\"}}"))),
        // What is wrong is told by its place only: the text may be secret.
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Error::Usage(format!("{whence}: no JSON at line {line}, column {column}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Folder, terminal};

    fn parsed(arguments: &[&str], input: &str) -> Result<Value, Error> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        data(&arguments, &mut terminal(input).0).map(Value::Object)
    }

    #[test]
    fn pairs_are_texts_and_a_key_that_comes_again_is_a_list() {
        assert_eq!(parsed(&["a=b", "c=1=2", "d="], "").unwrap(), json!({"a": "b", "c": "1=2", "d": ""}));
        assert_eq!(parsed(&["a=1", "a=2", "a=3"], "").unwrap(), json!({"a": ["1", "2", "3"]}));
    }

    #[test]
    fn values_and_whole_bodies_come_from_files_and_from_standard_input() {
        let folder = Folder::new();
        let (text, body) = (folder.write("text", "line\n"), folder.write("body.json", r#"{"n": 1, "l": [true]}"#));
        let of_file = format!("a=@{text}");
        let whole = format!("@{body}");
        assert_eq!(
            parsed(&[&of_file, &whole, "b=-"], "typed").unwrap(),
            json!({"a": "line\n", "n": 1, "l": [true], "b": "typed"})
        );
        assert_eq!(parsed(&["-", "z=1"], r#"{"y": null}"#).unwrap(), json!({"y": null, "z": "1"}));
        assert_eq!(parsed(&["a=\\@b"], "").unwrap(), json!({"a": "@b"}));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_and_never_repeated() {
        for (arguments, input) in [
            (&["a=b", "my-password"][..], ""),
            (&["-"], "{\"my-password\": "),
            (&["-"], "[\"my-password\"]"),
            (&["a=-", "b=-"], "my-password"),
            (&["=my-password"], ""),
            (&["@/nowhere/at-all"], ""),
        ] {
            let refused = parsed(arguments, input).unwrap_err();
            assert_eq!(refused.exit(), 1);
            assert!(!refused.to_string().contains("my-password"), "{refused}");
        }
        assert!(parsed(&["a=b", "x"], "").unwrap_err().to_string().contains("data 2"));
    }
}
