//! Benchmarks of the whole server: ratios and differences within one run, since absolute numbers depend on the machine.
//!
//! One module per benchmark. Each prints what it measured beside its target, and fails nothing: a person reads it, and
//! writes numbers worth keeping into README.md. Arguments choose benchmarks by name; none means all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on should say so and stop, and prints what it found"
)]

mod access;
mod certificates;
mod client;
mod homes;
mod hostile;
mod idle_connections;
mod idle_memory;
mod issue;
mod judging;
mod leases;
mod many;
mod measure;
mod plugins;
mod policy;
mod start_up;
mod stored;
mod through_the_sandbox;
mod token;

/// Those that are run by name only, because they take minutes, or many of the machine's files.
const LONG: &[&str] =
    &["certificates", "hostile", "idle-connections", "leases", "token-clients", "token-crowds", "token-hangs"];

/// All benchmarks: a name, and what runs it.
const ALL: &[(&str, fn())] = &[
    ("sandbox", through_the_sandbox::run),
    ("issue", issue::run),
    ("token", token::run),
    ("access", access::run),
    ("judging", judging::run),
    ("plugins", plugins::run),
    ("start-up", start_up::run),
    ("idle-memory", idle_memory::run),
    ("idle-connections", idle_connections::run),
    ("stored", stored::run),
    ("many", many::run),
    ("policy", policy::run),
    ("certificates", certificates::run),
    ("leases", leases::run),
    ("hostile", hostile::run),
    ("token-clients", homes::clients),
    ("token-crowds", homes::crowds),
    ("token-hangs", homes::hanging),
];

fn main() {
    if token::is_bare_loop() {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, run) in ALL {
        if wanted.is_empty() && !LONG.contains(name) || wanted.iter().any(|wanted| wanted == name) {
            println!("== {name}");
            run();
        }
    }
}
