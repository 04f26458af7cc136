//! Promise: a value has at most 1 MiB and a request writes at most 16 MiB; more is refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::outcome;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("huge-value", "Writes values that are too large.", &[Action::update("Writes.", run)])];

const MEBIBYTE: usize = 1 << 20;

fn run(_request: &Request) -> Answer {
    let double = storage::put("large/double", &vec![1; 2 * MEBIBYTE]);
    let more = storage::put("large/more", &vec![1; MEBIBYTE + 1]);
    let whole = vec![1; MEBIBYTE];
    let taken = (0..32).take_while(|n| storage::put(&format!("large/{n}"), &whole).is_ok()).count();
    // The next one is refused as the last was; this tells with which word.
    let next = storage::put("large/next", &whole);
    Response::data(&json!({
        "two_mib": outcome(&double),
        "one_mib_and_one": outcome(&more),
        "mebibytes_taken": taken,
        "next": outcome(&next),
    }))
}
