//! Promise: a request reads what it has itself written, and what it has written is there for the next.
//!
//! The notes also show what survived the requests that misbehaved.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "write-then-read",
        "Writes a note and reads it back.",
        &[Action::update("Writes notes/<name> and answers what is then there.", run).fields(Body::FIELDS)],
    ),
    Route::new("notes", "All notes.", &[Action::list("Names the notes.", list)]),
    Route::new(
        "notes/{name}",
        "A note.",
        &[Action::read("Reads the note.", read), Action::delete("Removes the note.", remove)],
    ),
];

body! {
    /// What is written.
    pub(crate) struct Body {
        /// Name of the note.
        pub(crate) name: String = "a".to_owned(),
        /// Its text.
        pub(crate) text: String = "hello".to_owned(),
    }
}

fn run(request: &Request) -> Answer {
    let Body { name, text } = request.body()?;
    storage::put(&format!("notes/{name}"), text.as_bytes())?;
    note(&name)
}

fn read(request: &Request) -> Answer {
    note(request.capture("name"))
}

fn note(name: &str) -> Answer {
    match storage::get(&format!("notes/{name}"))? {
        Some(text) => Response::data(&json!({ "text": String::from_utf8_lossy(&text) })),
        None => Ok(Response::nothing()),
    }
}

fn list(_request: &Request) -> Answer {
    Response::list(&storage::names("notes/").collect::<Result<Vec<_>, _>>()?)
}

fn remove(request: &Request) -> Answer {
    storage::delete(&format!("notes/{}", request.capture("name")))?;
    Ok(Response::nothing())
}
