//! Promise: how long a guest's own storage takes to answer tells nothing of what other mounts keep.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "probe",
    "Measures how long reading takes.",
    &[Action::update("Reads names that another mount has, and names that nobody has, in turns.", run)],
)];

const NAMES: u32 = 4000;

/// The middle of the times of both sorts, in nanoseconds, and how many were found.
fn run(_request: &Request) -> Answer {
    let (mut of_others, mut of_nobody, mut found) = (Vec::new(), Vec::new(), 0);
    for n in 0..NAMES {
        let mut read = |prefix: &str, times: &mut Vec<u64>| -> Result<(), Fault> {
            let key = format!("{prefix}/{n}");
            let began = now();
            found += u32::from(storage::get(&key)?.is_some());
            times.push(now().saturating_sub(began));
            Ok(())
        };
        read("many", &mut of_others)?;
        read("none", &mut of_nobody)?;
    }
    Response::data(&json!({ "of_others": middle(of_others), "of_nobody": middle(of_nobody), "found": found }))
}

fn now() -> u64 {
    let now = clock::now();
    now.seconds * 1_000_000_000 + u64::from(now.nanoseconds)
}

fn middle(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
