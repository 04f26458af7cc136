//! An engine that keeps notes, and signs them with a key that it never sees.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

struct MyEngine;

impl Engine for MyEngine {
    const NAME: &'static str = "my-engine";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Keeps notes, and signs them.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];
}

innkeeper_guest::export!(MyEngine);

/// The paths below the mount. `{name}` captures one segment.
const ROUTES: &[Route] = &[
    Route::new("notes", "All notes.", &[Action::list("Names the notes.", list)]),
    Route::new(
        "notes/{name}",
        "A note.",
        &[
            Action::read("Reads the note.", read),
            Action::update("Writes the note.", write).fields(Note::FIELDS),
            Action::delete("Removes the note.", remove),
        ],
    ),
    Route::new(
        "sign/{name}",
        "Signatures over notes.",
        &[Action::update("Signs the note with a managed key.", sign).fields(Signing::FIELDS)],
    ),
];

/// Longest note, in bytes.
const TEXT_MAX: usize = 4096;

body! {
    /// What `notes/{name}` takes.
    pub struct Note {
        /// The text to keep, at most 4096 bytes.
        pub text: String,
    }

    /// What `sign/{name}` takes.
    pub struct Signing {
        /// The name of a managed key that an operator lent to this mount.
        pub key: String,
    }
}

/// A note as it is stored. `record` is its version: a later engine can tell what it reads.
#[derive(Serialize, Deserialize)]
struct Stored {
    record: u32,
    text: String,
    written: u64,
}

fn place(request: &Request) -> String {
    format!("notes/{}", request.capture("name"))
}

fn list(_request: &Request) -> Answer {
    Response::list(&storage::names("notes/").collect::<Result<Vec<_>, _>>()?)
}

fn read(request: &Request) -> Answer {
    match storage::get_json::<Stored>(&place(request))? {
        Some(note) => Response::data(&json!({ "text": note.text, "written": note.written })),
        None => Ok(Response::nothing()),
    }
}

fn write(request: &Request) -> Answer {
    let Note { text } = request.body()?;
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err(Fault::invalid("text: must have 1 to 4096 bytes"));
    }
    storage::put_json(&place(request), &Stored { record: 1, text, written: clock::seconds() })?;
    log::info("a note was written", &[("name", request.capture("name"))]);
    Ok(Response::nothing())
}

fn remove(request: &Request) -> Answer {
    storage::delete(&place(request))?;
    Ok(Response::nothing())
}

fn sign(request: &Request) -> Answer {
    let Signing { key } = request.body()?;
    let note = storage::get_json::<Stored>(&place(request))?.ok_or_else(Fault::not_found)?;
    // A handle: the key stays in its HSM or key service.
    let key = keys::managed(&key)?;
    let scheme = *key.schemes()?.first().ok_or_else(|| Fault::invalid("key: cannot sign"))?;
    let signature = key.sign(scheme, note.text.as_bytes())?;
    Response::data(&json!({
        "signature": STANDARD.encode(signature),
        "public_key": STANDARD.encode(key.public_key()?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Storage, clock, randomness and log have stand-ins here; `innkeeper engine test` runs the rest.

    #[test]
    fn a_note_is_read_back_as_written() {
        let request = Request::for_test(&[("name", "one")], &json!({ "text": "hello" }));
        assert!(write(&request).is_ok());
        assert!(read(&request).unwrap().data_text().unwrap().contains(r#""text":"hello""#));
    }

    #[test]
    fn a_note_without_a_text_is_refused() {
        let request = Request::for_test(&[("name", "two")], &json!({}));
        assert_eq!(write(&request).err().unwrap().messages, ["text: must have 1 to 4096 bytes"]);
    }
}
