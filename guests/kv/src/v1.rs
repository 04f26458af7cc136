//! Version 1: one value per path.

use innkeeper_guest::prelude::*;

use crate::records::{Kept, Path, Secret, folder};

const ROOM: &str = "secrets/";

fn key(path: &str) -> Result<String, Fault> {
    Ok(format!("{ROOM}{}", Path::parse(path)?))
}

/// The value as it was written.
pub(crate) fn read(path: &str) -> Answer {
    match Secret::load(&key(path)?)? {
        Some(secret) => Response::data(&secret.data),
        None => Ok(Response::nothing()),
    }
}

/// The names directly below a path; the empty path is the mount.
pub(crate) fn list(path: &str) -> Answer {
    Response::list(&folder(ROOM, path)?)
}

/// Keeps the whole body.
pub(crate) fn write(path: &str, request: &Request) -> Answer {
    let data: Kept = request.exact()?;
    if data.is_empty() {
        return Err(Fault::invalid("missing data fields"));
    }
    Secret::new(data).save(&key(path)?)?;
    Ok(Response::nothing())
}

/// Removes the value; there need be none.
pub(crate) fn delete(path: &str) -> Answer {
    storage::delete(&key(path)?)?;
    Ok(Response::nothing())
}

/// Whether there is a value.
pub(crate) fn exists(path: &str) -> Result<bool, Fault> {
    Ok(storage::get(&key(path)?)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &str, data: &serde_json::Value) -> Answer {
        write(path, &Request::for_test(&[], data))
    }

    fn text(answer: Answer) -> Option<String> {
        answer.unwrap().data_text().map(str::to_owned)
    }

    #[test]
    fn a_value_is_read_back_as_it_was_written() {
        let data = json!({"user": "a", "nested": {"list": [1, null, 2.5]}, "nothing": null});
        assert!(!exists("app/db").unwrap());
        put("app/db", &data).unwrap();
        assert!(exists("app/db").unwrap());
        let read: serde_json::Value = serde_json::from_str(&text(read("app/db")).unwrap()).unwrap();
        assert_eq!(read, data);
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        let written = r#"{"big":123456789012345678901,"fine":3.141592653589793238462643,"money":[1.10,-0,1E5]}"#;
        let data: Kept = serde_json::from_str(written).unwrap();
        Secret::new(data).save(&key("numbers").unwrap()).unwrap();
        assert_eq!(text(read("numbers")).as_deref(), Some(written));
    }

    #[test]
    fn a_write_replaces_the_whole_value() {
        put("a", &json!({"x": 1, "y": 2})).unwrap();
        put("a", &json!({"y": 3})).unwrap();
        assert_eq!(text(read("a")).as_deref(), Some(r#"{"y":3}"#));
    }

    #[test]
    fn what_is_removed_or_was_never_there_is_not_found() {
        put("a", &json!({"x": 1})).unwrap();
        delete("a").unwrap();
        delete("a").unwrap();
        assert_eq!(text(read("a")), None);
        assert_eq!(text(read("b")), None);
    }

    #[test]
    fn a_list_names_secrets_and_folders_directly_below() {
        assert_eq!(text(list("")), None);
        for path in ["a", "a/b", "a/c/d", "data/x"] {
            put(path, &json!({"x": 1})).unwrap();
        }
        assert_eq!(text(list("")).as_deref(), Some(r#"{"keys":["a","a/","data/"]}"#));
        assert_eq!(text(list("a")).as_deref(), Some(r#"{"keys":["b","c/"]}"#));
        assert_eq!(text(list("nowhere")), None);
    }

    #[test]
    fn an_empty_body_and_a_path_that_cannot_be_stored_are_refused() {
        assert_eq!(put("a", &json!({})).err().unwrap().messages, ["missing data fields"]);
        for path in ["", "a//b", "../a", "a/.", "a\u{0}b", &"x".repeat(256), &"x/".repeat(250)] {
            for fault in [put(path, &json!({"x": 1})).err(), read(path).err(), delete(path).err(), exists(path).err()] {
                assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::InvalidRequest), "{path:?}");
            }
        }
        assert!(list("a/../b").is_err());
    }
}
