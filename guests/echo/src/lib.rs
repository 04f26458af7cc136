//! The smallest whole guest: it answers what it was sent, and keeps notes. Copy it to begin an engine of your own.

use innkeeper_guest::prelude::*;

struct Echo;

impl Engine for Echo {
    const NAME: &'static str = "echo";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Answers what it was sent, and keeps notes.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];
}

innkeeper_guest::export!(Echo);

const ROUTES: &[Route] = &[
    Route::new(
        "say",
        "Answers what it was sent.",
        &[
            Action::read("Answers with an empty text.", say),
            Action::update("Answers with the text, as often as asked.", say).fields(Say::FIELDS),
        ],
    ),
    Route::new(
        "caller",
        "Who asks.",
        &[Action::read("Answers with the client's certificate in hex, if it has one.", caller)],
    ),
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
];

/// Most repetitions, so that an answer stays within bounds.
const TIMES_MAX: u32 = 100;

body! {
    /// What `say` takes.
    pub struct Say {
        /// The text to answer.
        pub text: String,
        /// How often, at most 100.
        pub times: u32 = 1,
    }

    /// What `notes/{name}` takes.
    pub struct Note {
        /// The text to keep.
        pub text: String,
    }
}

fn say(request: &Request) -> Answer {
    let Say { text, times } = request.body()?;
    if times > TIMES_MAX {
        return Err(Fault::invalid("times: must be at most 100"));
    }
    Response::data(&json!({ "text": text.repeat(times as usize), "path": request.mount().path() }))
}

fn caller(request: &Request) -> Answer {
    let hex = |der: &[u8]| der.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Response::data(&json!({ "certificate": request.client_certificate().map(hex) }))
}

fn list(_request: &Request) -> Answer {
    Response::names("notes/")
}

fn read(request: &Request) -> Answer {
    let Some(text) = storage::get(&key(request))? else { return Ok(Response::nothing()) };
    Response::data(&json!({ "text": String::from_utf8_lossy(&text) }))
}

fn write(request: &Request) -> Answer {
    let Note { text } = request.body()?;
    storage::put(&key(request), text.as_bytes())?;
    Ok(Response::nothing())
}

fn remove(request: &Request) -> Answer {
    storage::delete(&key(request))?;
    Ok(Response::nothing())
}

fn key(request: &Request) -> String {
    format!("notes/{}", request.capture("name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_as_written() {
        let request = Request::for_test(&[("name", "a")], &json!({ "text": "hello" }));
        assert!(write(&request).is_ok());
        assert_eq!(read(&request).unwrap().data_text(), Some(r#"{"text":"hello"}"#));
    }
}
