//! Promise: a guest gets so much memory and no more; being refused more is not the end of it.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("grab-memory", "Takes memory until there is no more.", &[Action::update("Takes memory.", run)])];

const MEBIBYTE: usize = 1 << 20;
/// The whole address space of a 32-bit guest: getting here means that nothing was refused.
const MEBIBYTES_MAX: usize = 4096;

fn run(_request: &Request) -> Answer {
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(MEBIBYTES_MAX);
    while held.len() < MEBIBYTES_MAX {
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(MEBIBYTE).is_err() {
            break;
        }
        chunk.resize(MEBIBYTE, 1);
        held.push(std::hint::black_box(chunk));
    }
    let got = held.len();
    drop(held);
    Response::data(&json!({ "mebibytes": got, "refused": got < MEBIBYTES_MAX }))
}
