//! Misbehaviour of guests that run, beyond what the other files of this folder show; and the table of all of it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use harness::{HOSTILE, Server, wait_until};
use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, ended_by_time, failed_with};
use crate::strangers::{IN_WASI, Outcome, STRANGERS};

#[test]
fn calls_over_their_bounds_are_refused_with_a_word() {
    let told = Hostile::at("huge-calls").told("huge-calls", Value::Null);
    let said = told["said"].as_object().unwrap();
    assert!(said.len() >= 15);
    for (call, said) in said {
        let said = said.as_str().unwrap();
        assert!(["Invalid", "Unsupported", "NotFound", "NotAllowed"].contains(&said), "{call}: {said}");
    }
    a_bystander_is_served();
}

#[test]
fn a_flood_of_warnings_and_messages_is_cut() {
    let hostile = Hostile::at("warner");
    failed_with(&hostile.ask("warnings-flood", json!({ "warnings": 65 })), "more than 64 warnings");
    let answer = hostile.ask("warnings-flood", json!({ "warnings": 64 }));
    let lengths =
        |list: &Value| list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().len()).collect::<Vec<_>>();
    assert_eq!((answer.status, lengths(&answer.json["warnings"])), (200, vec![8192; 64]));
    let refused = hostile.call("DELETE", "warnings-flood", Value::Null);
    assert_eq!((refused.status, lengths(&refused.json["errors"])), (400, vec![8192; 16]));
}

#[test]
fn reading_what_another_mount_has_takes_as_long_as_reading_what_nobody_has() {
    let (victim, prober) = (Hostile::at("probed"), Hostile::at("prober"));
    victim.told("too-many-writes", Value::Null);
    // The middle of thousands, and the best of several: what a machine that tests keep busy does to both alike.
    let ratio = (0..5)
        .map(|_| {
            let told = prober.told("probe", Value::Null);
            assert_eq!(told["found"], 0, "nothing of the other is there");
            told["of_others"].as_f64().unwrap() / told["of_nobody"].as_f64().unwrap()
        })
        .min_by(|a, b| (a - 1.0).abs().total_cmp(&(b - 1.0).abs()))
        .unwrap();
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn leases_that_cannot_be_taken_back_hold_up_no_others() {
    let server = Server::with_guests(&[HOSTILE]);
    assert_eq!(server.call("POST", "sys/mounts/l", json!({ "type": "hostile" })).status, 204);
    let lend = |name: &str, body: Value| {
        let answer = server.call("POST", &format!("l/lend/{name}"), body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["lease_id"].as_str().unwrap().to_owned()
    };
    for fails in ["spin", "trap"] {
        let id = lend(fails, json!({ "ttl": 600, "renewable": true, "stuck": true, "fails": fails }));
        let renewed = server.call("PUT", "sys/leases/renew", json!({ "lease_id": id }));
        assert!(renewed.status >= 500, "{fails}: {}", renewed.text);
        let revoked = server.call("PUT", "sys/leases/revoke", json!({ "lease_id": id, "sync": true }));
        assert!(revoked.status >= 500, "{fails}: {}", revoked.text);
        assert_eq!(
            server.call("PUT", "sys/leases/lookup", json!({ "lease_id": id })).status,
            400,
            "it is gone for clients"
        );
    }
    lend("well", json!({ "ttl": 1 }));
    let well = || server.call("GET", "l/lent/well", Value::Null).json["data"]["revoked"].clone();
    wait_until("others are not taken back", || well() == 1);
    for fails in ["spin", "trap"] {
        assert_eq!(server.call("DELETE", &format!("l/lent/{fails}"), Value::Null).status, 204, "it lets go");
    }
}

#[test]
fn memory_comes_back_to_its_level_after_hostile_load() {
    let hostile = Hostile::at("load");
    let round = || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for route in ["grab-memory", "recurse", "trap-after-writes", "huge-answer", "random-flood"] {
                        hostile.ask(route, Value::Null);
                    }
                });
            }
        });
    };
    round();
    let before = resident();
    (0..4).for_each(|_| round());
    // Other tests run in this process too, and leave something behind.
    wait_until("memory is not given back", || resident() < before + (256 << 10));
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_guest_that_computes_for_long_holds_nobody_up() {
    let hostile = Hostile::at("heavy");
    std::thread::scope(|scope| {
        let heavy: Vec<_> = (0..8).map(|_| scope.spawn(|| hostile.ask("loop-forever", Value::Null))).collect();
        std::thread::sleep(Duration::from_millis(500));
        let mut served = 0;
        while heavy.iter().all(|one| !one.is_finished()) {
            a_bystander_is_served();
            served += 1;
        }
        // How fast, bench `hostile` says: a machine that tests keep busy is no clock.
        assert!(served > 5, "{served} were served while all of them computed");
        for ended in heavy {
            ended_by_time(&ended.join().unwrap());
        }
    });
}

/// What comes of each route of the guest `hostile`, as the tests of this folder assert it.
const ROUTES: &[(&str, &str)] = &[
    ("ask_host", "refused with a word: `powers.rs`"),
    ("bad_status", "500, the bound is named: `answers.rs`"),
    ("conflict", "each counts once, or is told to come back: `storage.rs`"),
    ("crlf_header", "500, the bound is named: `answers.rs`"),
    ("endless_tick", "ended after 5 s of a processor or a minute, others tick meanwhile: `ticks.rs`"),
    ("fault_after_writes", "400, nothing is kept: `storage.rs`"),
    ("forged_key_handle", "refused with a word: `keys.rs`"),
    ("forged_login", "500, no token: `answers.rs`"),
    ("grab_memory", "the guest is told that there is no more: `limits.rs`"),
    ("huge_answer", "500, the bound is named: `answers.rs`"),
    ("huge_calls", "refused with a word: `behaviours.rs`"),
    ("huge_key", "refused with a word: `storage.rs`"),
    ("huge_value", "refused with a word: `storage.rs`"),
    ("keep_key", "opens for its owner only: `keys.rs`"),
    ("lending", "taken back later, others are not held up: `behaviours.rs`, `../api/leases.rs`"),
    ("log_flood", "cut and counted: `limits.rs`"),
    ("loop_forever", "500 after 5 s: `limits.rs`; others are not held up: `behaviours.rs`"),
    ("loop_in_host_calls", "500 after 5 s: `limits.rs`"),
    ("many_key_handles", "refused with a word: `keys.rs`"),
    ("no_such_action", "405 from the host: `answers.rs`"),
    ("not_json_answer", "500, the bound is named: `answers.rs`"),
    ("panic_with_secret", "500, the secret is nowhere: `limits.rs`"),
    ("path_tricks", "refused with a word: `storage.rs`"),
    ("probe", "both take as long: `behaviours.rs`"),
    ("random_flood", "500: `limits.rs`"),
    ("recurse", "500: `limits.rs`"),
    ("sign_with", "refused with a word: `keys.rs`, `lent_keys.rs`"),
    ("sleepy", "finishes, others are served: `limits.rs`"),
    ("ticked", "once a minute: `ticks.rs`"),
    ("too_many_reads", "refused with a word: `storage.rs`"),
    ("too_many_writes", "refused with a word: `storage.rs`"),
    ("trap_after_writes", "500, nothing is kept: `storage.rs`"),
    ("warnings_flood", "500, the bound is named; longer texts are cut: `behaviours.rs`"),
    ("write_then_read", "kept: `storage.rs`"),
];

/// The promise that a file begins with.
fn promise(text: &str) -> Option<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!").map(str::trim));
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    paragraph.join(" ").strip_prefix("Promise: ").map(str::to_owned)
}

fn table() -> String {
    let mut text = String::from(
        "# Guests that misbehave\n\nMade by the suite, which fails if this is out of date:\n\
         `REFRESH=1 cargo test --release --locked --workspace --test suite -- the_table_of_misbehaviour` writes it.\n\n\
         ## Routes of `hostile`\n\n| behaviour | promise | outcome |\n|---|---|---|\n",
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/hostile/src");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let Some(promise) = promise(&std::fs::read_to_string(&file).unwrap()) else { continue };
        let name = file.file_stem().unwrap().to_str().unwrap();
        let outcome = ROUTES.iter().find(|(route, _)| *route == name);
        let (_, outcome) = outcome.unwrap_or_else(|| panic!("{name} has no outcome in this file"));
        let _ = writeln!(text, "| `{name}` | {promise} | {outcome} |");
    }
    text.push_str("\n## Components, as `isolation/strangers.rs` makes and registers them\n\n| behaviour | promise | outcome |\n|---|---|---|\n");
    for (name, promise, _, outcome) in STRANGERS {
        let outcome = match outcome {
            Outcome::Served => "204".to_owned(),
            Outcome::Refused(why) => format!("400: …{why}…"),
        };
        let _ = writeln!(text, "| `{name}` | {promise} | {outcome} |");
    }
    text.push_str("\n## Components that misbehave in WASI when they are asked\n\n| behaviour | promise | outcome |\n|---|---|---|\n");
    for (name, promise, _, status) in IN_WASI {
        let _ = writeln!(text, "| `{name}` | {promise} | {status} |");
    }
    text
}

#[test]
fn the_table_of_misbehaviour_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/README.md");
    let table = table();
    if std::env::var_os("REFRESH").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == table, "tests/guests/README.md is out of date; its first lines say how it is written");
}
