//! Components that strangers made: each is registered as an operator would, and is refused with a reason or served, and
//! neither costs others anything.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Node, wait_until};
use serde_json::{Value, json};

use crate::forge::{CREATE, Forged, Route, Said, wat, with_custom_section};
use crate::hostile::{a_bystander_is_served, failed_with, server};

/// What comes of a component.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// It is registered, mounted and answers.
    Served,
    /// It is refused with 400, and the reason holds this.
    Refused(&'static str),
}

/// How a component misbehaves, the promise that it puts to the test, how it is made, and what comes of it.
pub type Stranger = (&'static str, &'static str, fn() -> Vec<u8>, Outcome);

use Outcome::{Refused, Served};

const BOUNDED: &str = "what a component says of itself is bounded, and each bound is named";
const ENDS: &str = "a component that is to describe itself has 2 seconds and as much memory as any guest";
const COMPILED: &str = "what compiling a component takes is bounded before it is compiled";
const INSTANCE: &str = "an instance has one memory, few tables and 16 core modules, within their bounds";
const FORMAT: &str = "bytes that are no component are refused, whatever they announce";
const CONTRACT: &str = "what is not in the contract a component cannot ask for";
const HARMLESS: &str = "what costs nobody anything is allowed";

fn forged(change: impl FnOnce(&mut Forged)) -> Vec<u8> {
    let mut forged = Forged::default();
    change(&mut forged);
    forged.make()
}

fn said(change: impl FnOnce(&mut Said)) -> Vec<u8> {
    forged(|forged| change(&mut forged.said))
}

fn route(change: impl FnOnce(&mut Route)) -> Vec<u8> {
    said(|said| change(&mut said.routes[0]))
}

fn describing(body: &str) -> Vec<u8> {
    forged(|forged| forged.describe = Some(body.to_owned()))
}

fn routes(number: usize) -> Vec<u8> {
    let one = |number| Route { template: format!("r{number}"), ..Route::default() };
    said(|said| said.routes = (0..number).map(one).collect())
}

/// The engine `echo`, with one text in place of another of the same length.
fn echo_with(text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let (mut bytes, text) = (bundle::ECHO.component.to_vec(), text.as_bytes());
    let places: Vec<usize> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + text.len()].copy_from_slice(other.as_bytes());
    }
    bytes
}

/// A module with so many functions beside its own.
fn functions(number: usize) -> Vec<u8> {
    let one = |n: usize| format!("(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n})))\n");
    forged(|forged| forged.more = (0..number).map(one).collect())
}

/// A module with a function of so many additions.
fn function_of(additions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 7)))\n".repeat(additions);
    forged(|forged| forged.more = format!("(func (param i32) {body})"))
}

fn component_of(modules: usize, fields: &str) -> Vec<u8> {
    let one = |n| format!("(core module $m{n} {fields}) (core instance (instantiate $m{n}))\n");
    wat(&format!("(component {})", (0..modules).map(one).collect::<String>()))
}

fn nested(depth: usize) -> Vec<u8> {
    wat(&format!("{}{}", "(component ".repeat(depth), ")".repeat(depth)))
}

/// A component whose only type is a list of lists of lists.
fn deep_type(depth: usize) -> Vec<u8> {
    let types: String = (1..depth).map(|n| format!("(type $t{n} (list $t{}))\n", n - 1)).collect();
    wat(&format!(
        "(component (type $t0 (list u8)) {types} (import \"innkeeper:engine/x\" (func (param \"a\" $t{}))))",
        depth - 1
    ))
}

/// The head of a component, and a section that announces more than there is.
fn announcing(section: &[u8]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", section].concat()
}

/// Writes so many routes into memory, all with the same mebibyte as what they are about.
const OVERLAPPING: &str = "(local $at i32)
    (i32.store (i32.const 65564) (i32.const 4194304)) (i32.store (i32.const 65568) (i32.const 40000))
    (local.set $at (i32.const 4194304))
    (loop $more
        (i32.store offset=8 (local.get $at) (i32.const 1048576))
        (i32.store offset=12 (local.get $at) (i32.const 1048576))
        (local.set $at (i32.add (local.get $at) (i32.const 24)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 5154304))))
    i32.const 65536";

/// All of them.
pub const STRANGERS: &[Stranger] = &[
    ("honest", "a component that keeps to the contract is served", || Forged::default().make(), Served),
    ("512-routes", BOUNDED, || routes(512), Served),
    ("513-routes", BOUNDED, || routes(513), Refused("routes: at most 512")),
    (
        "same-route-twice",
        BOUNDED,
        || said(|said| said.routes = vec![Route::default(); 2]),
        Refused("previously registered route"),
    ),
    ("template-257", BOUNDED, || route(|route| route.template = "x".repeat(257)), Refused("more than 256 bytes")),
    (
        "template-9-captures",
        BOUNDED,
        || route(|route| route.template = (0..9).map(|n| format!("{{c{n}}}")).collect::<Vec<_>>().join("/")),
        Refused("more than 8 captures"),
    ),
    (
        "template-with-line-break",
        BOUNDED,
        || route(|route| route.template = "a\r\nb".into()),
        Refused("control characters"),
    ),
    ("about-2049", BOUNDED, || said(|said| said.about = "x".repeat(2049)), Refused("about: at most 2048 bytes")),
    (
        "about-with-escapes",
        BOUNDED,
        || said(|said| said.about = "a\r\nb\u{1b}[31m".into()),
        Refused("control characters"),
    ),
    ("route-about-2049", BOUNDED, || route(|route| route.about = "x".repeat(2049)), Refused("about of a route")),
    (
        "action-about-2049",
        BOUNDED,
        || route(|route| route.action_about = "x".repeat(2049)),
        Refused("about of an action"),
    ),
    ("action-twice", BOUNDED, || route(|route| route.actions = 2), Refused("more than one action per operation")),
    ("1000-actions", BOUNDED, || route(|route| route.actions = 1000), Refused("more than one action per operation")),
    ("declares-create", BOUNDED, || route(|route| route.operation = CREATE), Refused("declare update")),
    (
        "129-fields",
        BOUNDED,
        || route(|route| route.fields = vec![("f".into(), String::new(), None); 129]),
        Refused("more than 128 fields"),
    ),
    (
        "field-name-129",
        BOUNDED,
        || route(|route| route.fields = vec![("f".repeat(129), String::new(), None)]),
        Refused("a field's name must have 1 to 128 bytes"),
    ),
    (
        "field-default-257",
        BOUNDED,
        || route(|route| route.fields = vec![("f".into(), String::new(), Some("x".repeat(257)))]),
        Refused("default of a field"),
    ),
    (
        "17-headers",
        BOUNDED,
        || route(|route| route.headers = vec!["x-a".into(); 17]),
        Refused("more than 16 response headers"),
    ),
    (
        "header-name-with-line-break",
        BOUNDED,
        || route(|route| route.headers = vec!["x-a\r\nb: c".into()]),
        Refused("no name of a header"),
    ),
    ("name-with-line-break", BOUNDED, || said(|said| said.name = "a\r\nb".into()), Refused("name: must be [a-z]")),
    ("name-of-64", BOUNDED, || said(|said| said.name = "a".repeat(64)), Refused("name: must be [a-z]")),
    (
        "version-with-escapes",
        BOUNDED,
        || said(|said| said.version = "1.0.0\u{1b}[2J".into()),
        Refused("semantic version"),
    ),
    (
        "same-mebibyte-40000-times",
        "what a guest hands over is bounded as the host keeps it, not as it lies in the guest's memory",
        || forged(|forged| (forged.describe, forged.pages) = (Some(OVERLAPPING.into()), 96)),
        Refused("too much data is being copied"),
    ),
    (
        "list-beyond-memory",
        BOUNDED,
        || describing("(i32.store (i32.const 65568) (i32.const -1)) i32.const 65536"),
        Refused("does not describe itself"),
    ),
    ("describe-out-of-memory", BOUNDED, || describing("i32.const -4"), Refused("does not describe itself")),
    ("describe-traps", ENDS, || describing("unreachable"), Refused("does not describe itself")),
    (
        "describe-never-ends",
        ENDS,
        || describing("(loop $l (br $l)) unreachable"),
        Refused("before the request's deadline"),
    ),
    (
        "describe-grabs-memory",
        ENDS,
        || {
            describing(
                "(if (i32.ge_s (memory.grow (i32.const 1024)) (i32.const 0)) (then unreachable)) i32.const 65536",
            )
        },
        Served,
    ),
    (
        "describe-sleeps-an-hour",
        "what waits in WASI has the deadlines of what computes",
        || {
            forged(|forged| {
                (forged.wasi, forged.imports) = (true, SLEEP.into());
                forged.describe =
                    Some("(call $block (call $subscribe (i64.const 3600000000000))) i32.const 65536".into());
            })
        },
        Refused("before the request's deadline"),
    ),
    (
        "describe-differs-between-instances",
        "what a component says of itself is the same each time",
        || {
            forged(|forged| {
                (forged.wasi, forged.imports) = (true, RANDOM.into());
                // What it is about is 16 letters by chance.
                forged.describe = Some(
                    "(call $random (i64.const 16) (i32.const 512)) \
                    (i32.store (i32.const 65556) (i32.load (i32.const 512))) \
                    (i32.store (i32.const 65560) (i32.const 16)) \
                    (call $letters (i32.load (i32.const 512))) i32.const 65536"
                        .into(),
                );
                forged.more = LETTERS.into();
            })
        },
        Refused("something else each time"),
    ),
    (
        "start-never-ends",
        ENDS,
        || forged(|forged| forged.more = "(func $spin (loop $l (br $l))) (start $spin)".into()),
        Refused("before the request's deadline"),
    ),
    (
        "start-traps",
        ENDS,
        || forged(|forged| forged.more = "(func $die unreachable) (start $die)".into()),
        Refused("does not describe itself"),
    ),
    ("10000-functions", COMPILED, || functions(10_000), Served),
    ("200001-functions", COMPILED, || functions(200_001), Refused("at most 200000 functions")),
    ("one-function-over-a-mebibyte", COMPILED, || function_of(160_000), Refused("bytes of one function")),
    ("65-modules", COMPILED, || component_of(65, ""), Refused("at most 64 core modules")),
    ("9-levels", COMPILED, || nested(9), Refused("levels of components")),
    ("17-instances", INSTANCE, || component_of(17, ""), Refused("core module instances")),
    ("2-memories", INSTANCE, || component_of(2, "(memory 1)"), Refused("memories")),
    ("65-memories", INSTANCE, || component_of(1, &"(memory 1)".repeat(65)), Refused("memories")),
    ("memory-of-65-mebibytes", INSTANCE, || component_of(1, "(memory 1040)"), Refused("memory")),
    ("memory-of-4-gibibytes", INSTANCE, || forged(|forged| forged.pages = 65_000), Refused("memory")),
    ("5-tables", INSTANCE, || component_of(5, "(table 1 funcref)"), Refused("tables")),
    ("table-of-a-million", INSTANCE, || component_of(1, "(table 1000000 funcref)"), Refused("table")),
    (
        "table-grows-for-ever",
        INSTANCE,
        || {
            forged(|forged| {
                forged.more = "(table $t 1 funcref)".into();
                forged.describe = Some(
                    "(if (i32.ge_s (table.grow $t (ref.null func) (i32.const 30000)) (i32.const 0)) \
                    (then unreachable)) i32.const 65536"
                        .into(),
                );
            })
        },
        Served,
    ),
    ("huge-type-count", FORMAT, || announcing(&[7, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]), Refused("cannot be loaded")),
    ("huge-section-length", FORMAT, || announcing(&[7, 0xff, 0xff, 0xff, 0xff, 0x0f]), Refused("cannot be loaded")),
    ("deep-type", FORMAT, || deep_type(5000), Refused("cannot be loaded")),
    (
        "cut-off",
        FORMAT,
        || {
            let whole = Forged::default().make();
            whole[..whole.len() - 7].to_vec()
        },
        Refused("cannot be loaded"),
    ),
    ("core-module", FORMAT, || wat("(module)"), Refused("a core module, not a component")),
    (
        "data-outside-memory",
        FORMAT,
        || forged(|forged| forged.more = "(data (i32.const -8) \"xxxx\")".into()),
        Refused("component"),
    ),
    ("8-mebibytes-of-custom-section", HARMLESS, || with_custom_section(&Forged::default().make(), 8 << 20), Served),
    ("exports-nothing", CONTRACT, || wat("(component)"), Refused("fits neither of the worlds")),
    (
        "imports-files",
        CONTRACT,
        || wat("(component (import \"host:files/open\" (instance)))"),
        Refused("imports host:files/open"),
    ),
    (
        "imports-http",
        CONTRACT,
        || wat("(component (import \"wasi:http/outgoing-handler@0.2.0\" (instance)))"),
        Refused("imports wasi:http/outgoing-handler@0.2.0"),
    ),
    (
        "next-minor-version",
        "before 1.0 a minor version may break: another one is refused",
        || echo_with("@0.1.0", "@0.2.0"),
        Refused("@0.2.0"),
    ),
    (
        "next-patch-version",
        "a patch version asks for nothing new: it is served",
        || echo_with("@0.1.0", "@0.1.1"),
        Served,
    ),
];

const SLEEP: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))"#;
const RANDOM: &str = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))"#;
const ENVIRONMENT: &str = r#"(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))"#;
const SOCKET: &str =
    r#"(import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $socket (param i32 i32)))"#;
/// Makes letters of 16 bytes.
const LETTERS: &str = "(func $letters (param $at i32) (local $end i32)
    (local.set $end (i32.add (local.get $at) (i32.const 16)))
    (loop $more
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.and (i32.load8_u (local.get $at)) (i32.const 15))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $at) (local.get $end)))))";

/// A component that is served: how it misbehaves when it is asked, the promise, how it is made, the status of the answer.
pub type Asked = (&'static str, &'static str, fn() -> Vec<u8>, u16);

/// Those that are served, but misbehave when they are asked: what comes of the request.
pub const IN_WASI: &[Asked] = &[
    (
        "wasi-looks-at-the-environment",
        "there is nothing in the environment of a guest",
        || {
            wasi(
                ENVIRONMENT,
                "(call $environment (i32.const 512)) (if (i32.load (i32.const 516)) (then unreachable)) i32.const 1024",
            )
        },
        204,
    ),
    (
        "wasi-opens-a-socket",
        "a guest has no sockets",
        || {
            wasi(
                SOCKET,
                "(call $socket (i32.const 0) (i32.const 512)) (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable)) i32.const 1024",
            )
        },
        204,
    ),
    (
        "wasi-random-of-a-gibibyte",
        "randomness in one call is bounded",
        || wasi(RANDOM, "(call $random (i64.const 1073741824) (i32.const 512)) i32.const 1024"),
        500,
    ),
    (
        "wasi-100000-timers",
        "at most 1024 resources live at once in an instance",
        || {
            wasi(
                SLEEP,
                "(local $n i32) (loop $more (drop (call $subscribe (i64.const 3600000000000)))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $n) (i32.const 100000)))) i32.const 1024",
            )
        },
        500,
    ),
    (
        "wasi-handle-that-was-never-given",
        "a handle that the host did not give ends the guest",
        || wasi(SLEEP, "(call $block (i32.const 77)) i32.const 1024"),
        500,
    ),
    (
        "wasi-sleeps-an-hour",
        "a guest that waits is ended with its request",
        || wasi(SLEEP, "(call $block (call $subscribe (i64.const 3600000000000))) i32.const 1024"),
        500,
    ),
];

fn wasi(imports: &str, handle: &str) -> Vec<u8> {
    forged(|forged| (forged.wasi, forged.imports, forged.handle) = (true, imports.into(), Some(handle.into())))
}

fn registration(component: &[u8]) -> Value {
    json!({ "sha256": hex::encode(digest(&SHA256, component)), "component": STANDARD.encode(component) })
}

#[track_caller]
fn register(name: &str, component: &[u8]) -> Answer {
    server().call("POST", &format!("sys/plugins/catalog/secret/{name}"), registration(component))
}

/// Registers a component under its behaviour's name, mounts it there, and asks it.
fn asked(name: &str, component: &[u8]) -> Answer {
    let registered = register(name, component);
    assert_eq!(registered.status, 204, "{name}: {}", registered.text);
    let mounted = server().call("POST", &format!("sys/mounts/{name}"), json!({ "type": name }));
    assert_eq!(mounted.status, 204, "{name}: {}", mounted.text);
    server().call("POST", &format!("{name}/ping"), json!({}))
}

/// How long a registration may take, on a machine that tests keep busy: compiling is the most of it.
const REGISTERED_MAX: Duration = Duration::from_secs(60);

#[test]
fn every_stranger_comes_to_what_is_promised_and_others_are_served_meanwhile() {
    let mut wrong = Vec::new();
    for (name, _, make, outcome) in STRANGERS {
        let (component, name) = (make(), format!("s-{name}"));
        let start = Instant::now();
        let registered = std::thread::scope(|scope| {
            let registering = scope.spawn(|| register(&name, &component));
            while !registering.is_finished() {
                a_bystander_is_served();
                std::thread::sleep(Duration::from_millis(20));
            }
            registering.join().unwrap()
        });
        let took = start.elapsed();
        let right = match outcome {
            Served => registered.status == 204,
            Refused(why) => registered.status == 400 && registered.text.contains(why),
        };
        if !right || took > REGISTERED_MAX || registered.text.len() > 4096 {
            wrong.push(format!("{name} after {took:?}: {} {:.600}", registered.status, registered.text));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), STRANGERS.len(), wrong.join("\n"));
}

#[test]
fn what_was_registered_honestly_is_mounted_and_answers() {
    let answer = asked("w-honest", &Forged::default().make());
    assert_eq!(answer.status, 204, "{}", answer.text);
}

#[test]
fn behind_wasi_there_is_nothing_that_a_guest_may_not_have() {
    for (name, _, make, status) in IN_WASI.iter().filter(|(name, ..)| *name != "wasi-sleeps-an-hour") {
        let answer = asked(name, &make());
        assert_eq!(answer.status, *status, "{name}: {}", answer.text);
        if *status == 500 {
            failed_with(&answer, "internal error");
        }
        a_bystander_is_served();
    }
}

#[test]
fn a_guest_that_sleeps_is_ended_with_its_request() {
    let mut node = Node::listening("max_request_duration = \"3s\"");
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let (.., make, _) = IN_WASI.iter().find(|(name, ..)| *name == "wasi-sleeps-an-hour").unwrap();
    let registered = node.call("POST", "sys/plugins/catalog/secret/sleeper", registration(&make()));
    assert_eq!(registered.status, 204, "{}", registered.text);
    assert_eq!(node.call("POST", "sys/mounts/sleeper", json!({ "type": "sleeper" })).status, 204);
    let start = Instant::now();
    let answer = node.call("POST", "sleeper/ping", json!({}));
    assert!(answer.status >= 500, "{}", answer.text);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    wait_until("it is still under way", || {
        node.call("GET", "sys/in-flight-req", Value::Null).json.as_object().is_some_and(|all| all.len() == 1)
    });
}
