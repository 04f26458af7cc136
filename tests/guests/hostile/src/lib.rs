//! Guests that misbehave: one route and one file per misbehaviour. The first line of each file is the promise of the
//! host that it puts to the test.
#![allow(clippy::panic, reason = "to panic is what some of these are for")]

mod ask_host;
mod bad_status;
mod conflict;
mod crlf_header;
mod endless_tick;
mod fault_after_writes;
mod forged_key_handle;
mod forged_login;
mod grab_memory;
mod huge_answer;
mod huge_calls;
mod huge_key;
mod huge_value;
mod keep_key;
mod lending;
mod log_flood;
mod loop_forever;
mod loop_in_host_calls;
mod many_key_handles;
mod no_such_action;
mod not_json_answer;
mod panic_with_secret;
mod path_tricks;
mod probe;
mod random_flood;
mod recurse;
mod report;
mod sign_with;
mod sleepy;
mod ticked;
mod too_many_reads;
mod too_many_writes;
mod trap_after_writes;
mod warnings_flood;
mod write_then_read;

use innkeeper_guest::prelude::*;

struct Hostile;

impl Engine for Hostile {
    const NAME: &'static str = "hostile";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Misbehaves, to show that the host keeps its promises.";
    const WANTS_TICK: bool = true;
    const ROUTES: &'static [&'static [Route]] = &[
        ask_host::ROUTES,
        bad_status::ROUTES,
        conflict::ROUTES,
        crlf_header::ROUTES,
        endless_tick::ROUTES,
        fault_after_writes::ROUTES,
        forged_login::ROUTES,
        forged_key_handle::ROUTES,
        grab_memory::ROUTES,
        huge_answer::ROUTES,
        huge_calls::ROUTES,
        huge_key::ROUTES,
        huge_value::ROUTES,
        keep_key::ROUTES,
        lending::ROUTES,
        log_flood::ROUTES,
        loop_forever::ROUTES,
        loop_in_host_calls::ROUTES,
        many_key_handles::ROUTES,
        no_such_action::ROUTES,
        not_json_answer::ROUTES,
        panic_with_secret::ROUTES,
        path_tricks::ROUTES,
        probe::ROUTES,
        random_flood::ROUTES,
        recurse::ROUTES,
        sign_with::ROUTES,
        sleepy::ROUTES,
        ticked::ROUTES,
        too_many_reads::ROUTES,
        too_many_writes::ROUTES,
        trap_after_writes::ROUTES,
        warnings_flood::ROUTES,
        write_then_read::ROUTES,
    ];

    fn tick(_context: &Context) -> Result<(), Fault> {
        endless_tick::tick()?;
        ticked::tick()
    }

    fn revoke(_context: &Context, lease: &Lease) -> Result<(), Fault> {
        lending::revoke(lease)
    }

    fn renew(_context: &Context, lease: &Lease) -> Result<Lease, Fault> {
        lending::renew(lease)
    }
}

// Outside wasm nothing calls the engine; this keeps its routes from being dead code.
#[cfg(not(target_family = "wasm"))]
const _: &[&[Route]] = Hostile::ROUTES;

#[cfg(target_family = "wasm")]
mod around;
