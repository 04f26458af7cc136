//! What a guest takes too much of costs its own request and nobody else's.

use std::time::{Duration, Instant};

use harness::{HOSTILE, Server, log_lines};
use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, ended_by_time, failed_with};

#[test]
fn guests_that_never_end_are_ended_and_others_are_served_meanwhile() {
    let hostile = Hostile::at("endless");
    let ways = ["loop-forever", "loop-in-host-calls", "loop-forever", "loop-in-host-calls"];
    std::thread::scope(|scope| {
        let loops: Vec<_> = ways
            .map(|way| {
                let hostile = &hostile;
                scope.spawn(move || {
                    let start = Instant::now();
                    (hostile.ask(way, Value::Null), start.elapsed())
                })
            })
            .into();
        let mut served = 0;
        while loops.iter().any(|running| !running.is_finished()) {
            a_bystander_is_served();
            served += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(served > 5, "{served} bystanders were served");
        for ended in loops {
            let (answer, took) = ended.join().unwrap();
            ended_by_time(&answer);
            assert!(took > Duration::from_secs(4), "ended after {took:?} already");
        }
    });
    a_bystander_is_served();
}

#[test]
fn a_slow_guest_may_finish_and_others_are_served_meanwhile() {
    let hostile = Hostile::at("slow");
    std::thread::scope(|scope| {
        let slow: Vec<_> =
            (0..4).map(|_| scope.spawn(|| hostile.told("sleepy", json!({"milliseconds": 500})))).collect();
        a_bystander_is_served();
        for finished in slow {
            let told = finished.join().unwrap();
            assert_eq!(told["milliseconds"], 500);
            let deadline = told["deadline"].as_u64().unwrap();
            assert!((1..=90_000).contains(&deadline), "a guest was told of {deadline} ms");
        }
    });
}

#[test]
fn more_requests_at_once_than_there_are_instances_are_asked_to_come_back() {
    // A server of its own: here all others are sent away, too.
    let server = Server::with_guests(&[HOSTILE]);
    assert_eq!(server.call("POST", "sys/mounts/crowd", json!({"type": "hostile"})).status, 204);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let crowd = sandbox::tuning::INSTANCES_MAX + 40;
        let ask = || {
            let answer = server.call("POST", "crowd/sleepy", json!({"milliseconds": 4000}));
            if answer.status == 503 {
                assert!(answer.headers.contains(&("retry-after".into(), "1".into())), "{answer:?}");
            }
            answer.status
        };
        let clients: Vec<_> = (0..crowd).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let (served, sent_away) = (200, 503);
    assert!(statuses.iter().all(|status| [served, sent_away].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&served) && statuses.contains(&sent_away), "{statuses:?}");
    assert_eq!(server.call("POST", "crowd/sleepy", json!({"milliseconds": 1})).status, 200);
}

#[test]
fn memory_is_refused_at_its_bound_and_comes_back_afterwards() {
    let hostile = Hostile::at("memory");
    for _ in 0..3 {
        let told = hostile.told("grab-memory", Value::Null);
        assert_eq!(told["refused"], true);
        let got = told["mebibytes"].as_u64().unwrap();
        assert!((32..64).contains(&got), "{got} MiB");
    }
    a_bystander_is_served();
}

#[test]
fn a_guest_that_exhausts_its_stack_costs_one_answer() {
    let hostile = Hostile::at("stack");
    for _ in 0..3 {
        failed_with(&hostile.ask("recurse", Value::Null), "internal error");
        assert_eq!(hostile.ask("sleepy", json!({"milliseconds": 1})).status, 200);
    }
    a_bystander_is_served();
}

#[test]
fn too_much_randomness_in_one_call_is_a_trap_and_as_much_as_allowed_is_not() {
    let hostile = Hostile::at("random");
    assert_eq!(hostile.told("random-flood", json!({"bytes": 65_536}))["got"], 65_536);
    for bytes in [65_537_u32, 1 << 20, u32::MAX] {
        failed_with(&hostile.ask("random-flood", json!({"bytes": bytes})), "internal error");
    }
}

#[test]
fn a_flood_of_log_lines_is_cut_counted_and_each_line_stays_one_line() {
    let hostile = Hostile::at("flood");
    let answer = hostile.ask("log-flood", Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let lines = log_lines(answer.json["request_id"].as_str().unwrap());
    let (told, own): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains(" guest: "));
    assert_eq!(told.len(), 101, "100 lines, and one that counts the rest");
    assert!(told.iter().any(|line| line.contains("dropped=99902")), "{:?}", told.last());
    assert!(own.len() < 5, "the host's own lines: {own:?}");
    assert!(told[0].contains(r"first line\nERROR forged second line\u{1b}[31m"), "{}", told[0]);
    assert!(told[0].contains("a\\nb") || told[0].contains("a\\\\nb"), "{}", told[0]);
    assert!(lines.iter().all(|line| line.len() < 6000));
    assert!(!log_lines("forged").iter().any(|line| line.starts_with("ERROR")));
}

#[test]
fn what_a_guest_says_as_it_dies_is_seen_nowhere() {
    let hostile = Hostile::at("dying");
    let secret = "c0rrect-h0rse";
    let answer = hostile.ask("panic-with-secret", json!({"secret": secret}));
    let id = failed_with(&answer, "internal error");
    let lines = log_lines(&id);
    assert!(lines.iter().any(|line| line.contains("the engine panicked")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the guest trapped")), "{lines:?}");
    assert!(!format!("{answer:?}").contains(secret));
    assert_eq!(log_lines(secret), Vec::<String>::new());
}
