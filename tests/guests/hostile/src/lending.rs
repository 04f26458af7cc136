//! Promise: what was lent is taken back once, by whichever node, also when the engine fails at first or for ever, and
//! also when its mount is removed.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "lend/{name}",
        "Lends what is taken back under this name.",
        &[Action::update("Answers with a lease.", lend).fields(Loan::FIELDS)],
    ),
    Route::new(
        "lent/{name}",
        "What became of what was lent.",
        &[
            Action::read("Answers how often it was taken back and extended.", read),
            Action::delete("Lets go of it: it can be taken back from now on.", let_go),
        ],
    ),
];

body! {
    /// What `lend/{name}` takes.
    pub struct Loan {
        /// Seconds; 0 means the mount's default.
        pub ttl: u64,
        /// Whether it can be extended.
        pub renewable: bool,
        /// Whether taking it back fails.
        pub stuck: bool,
        /// How taking it back or extending it fails: `spin`, `trap`, or else with a word.
        pub fails: String,
        /// How much is kept with the lease, in bytes.
        pub ballast: u64,
    }
}

fn lend(request: &Request) -> Answer {
    let Loan { ttl, renewable, stuck, fails, ballast } = request.body()?;
    let name = request.capture("name");
    storage::put_json(&key(name, "stuck"), &u64::from(stuck))?;
    let ballast = "x".repeat(usize::try_from(ballast).unwrap_or_default());
    let internal = json!({ "name": name, "ballast": ballast, "fails": fails }).to_string();
    Ok(Response::data(&json!({ "secret": name }))?.lease(Lease { ttl, renewable, internal }))
}

fn read(request: &Request) -> Answer {
    let name = request.capture("name");
    Response::data(&json!({ "revoked": count(name, "revoked")?, "renewed": count(name, "renewed")? }))
}

fn let_go(request: &Request) -> Answer {
    storage::put_json(&key(request.capture("name"), "stuck"), &0)?;
    Ok(Response::nothing())
}

pub(crate) fn revoke(lease: &Lease) -> Result<(), Fault> {
    let name = text(lease, "name")?;
    if count(&name, "stuck")? > 0 {
        fail(&text(lease, "fails")?)?;
        return Err(Fault::new(FaultKind::Unavailable, "it will not let go"));
    }
    storage::put_json(&key(&name, "revoked"), &(count(&name, "revoked")? + 1))
}

pub(crate) fn renew(lease: &Lease) -> Result<Lease, Fault> {
    let name = text(lease, "name")?;
    fail(&text(lease, "fails")?)?;
    storage::put_json(&key(&name, "renewed"), &(count(&name, "renewed")? + 1))?;
    Ok(lease.clone())
}

/// Fails in one of the ways that are no answer.
fn fail(how: &str) -> Result<(), Fault> {
    match how {
        "spin" => loop {
            std::hint::black_box(how);
        },
        "trap" => panic!("it fails"),
        _ => Ok(()),
    }
}

fn text(lease: &Lease, what: &str) -> Result<String, Fault> {
    let kept: Map = innkeeper_guest::serde_json::from_str(&lease.internal)
        .map_err(|error| Fault::internal(format!("a lease cannot be read: {error}")))?;
    Ok(kept.get(what).and_then(|text| text.as_str()).unwrap_or_default().to_owned())
}

fn key(name: &str, what: &str) -> String {
    format!("lent/{name}/{what}")
}

fn count(name: &str, what: &str) -> Result<u64, Fault> {
    Ok(storage::get_json(&key(name, what))?.unwrap_or(0))
}
