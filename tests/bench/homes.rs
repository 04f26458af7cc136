//! `signer/sign` with keys in a SoftHSM token: by clients, sort of key and where the library runs; by how many keys the
//! token holds; and what users of other mounts notice while a library hangs.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{PIN, Process, Token};

use crate::client::{Client, DEVELOPMENT, load, request, times};
use crate::measure::spread;

const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 5;
const CLIENTS: [usize; 4] = [1, 4, 16, 64];
const CROWDS: [usize; 3] = [2, 100, 500];
const SESSIONS: usize = 4;
/// Requests to another mount whose times are looked at, in each of [`ROUNDS`].
const READS: u64 = 4000;
/// Clients of the home that hangs.
const HUNG: usize = 32;

const P256: &str = r#""mechanism":"0x1041","curve":"P256""#;
const RSA: &str = r#""mechanism":"0x1","key_bits":2048"#;

fn post(client: &mut Client, path: &str, body: &str) {
    let status = client.send(&request("POST", path, body));
    assert!(status < 300, "{path}: {status}");
}

/// A managed key that is made, and its name in the mount `signer`.
fn key(client: &mut Client, library: &str, name: &str, sort: &str) {
    let record = format!(
        r#"{{"library":"{library}","token_label":"bench","pin":"{PIN}","key_label":"{name}",{sort},
        "allow_generate_key":true,"any_mount":true,"max_parallel":{SESSIONS}}}"#
    );
    post(client, &format!("sys/managed-keys/pkcs11/{library}-{name}"), &record);
    post(client, &format!("sys/managed-keys/pkcs11/{library}-{name}/test/sign"), "{}");
    let named = format!(r#"{{"managed_key_name":"{library}-{name}"}}"#);
    post(client, &format!("signer/keys/{library}-{name}"), &named);
}

fn signing(name: &str) -> Vec<u8> {
    request("POST", &format!("signer/sign/{name}"), r#"{"input":"aGVsbG8="}"#)
}

fn rate(server: &Process, clients: usize, request: &[u8]) -> (f64, f64, f64) {
    load(server, clients, request, ROUND / 3);
    let rounds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        load(server, clients, request, ROUND) as f64 / started.elapsed().as_secs_f64()
    });
    spread(rounds.collect())
}

/// Where the library runs, by its stanza.
pub(crate) fn stanzas(token: &Token) -> [(&'static str, String); 2] {
    let in_process = token.stanza().replace("\n}", "\n  process = \"in-process\"\n}");
    [("worker process", token.stanza()), ("in-process", in_process)]
}

pub(crate) fn clients() {
    let token = Token::new("bench");
    for (process, stanza) in stanzas(&token) {
        let server = Process::configured_with(&stanza, DEVELOPMENT, &token.environment());
        let mut client = Client::new(&server);
        post(&mut client, "sys/mounts/signer", r#"{"type":"signer"}"#);
        let sorts = [("p256", P256), ("rsa2048", RSA)];
        // First, because a connection that rests for long is closed.
        for (name, sort) in sorts {
            key(&mut client, "hsm", name, sort);
        }
        for (name, _) in sorts {
            for clients in CLIENTS {
                let (middle, low, high) = rate(&server, clients, &signing(&format!("hsm-{name}")));
                println!("{process:>14}, {name}, {clients:2} clients: {middle:.0} per second ({low:.0} to {high:.0})");
            }
        }
    }
}

pub(crate) fn crowds() {
    let token = Token::new("bench");
    let server = Process::configured_with(&token.stanza(), DEVELOPMENT, &token.environment());
    post(&mut Client::new(&server), "sys/mounts/signer", r#"{"type":"signer"}"#);
    let mut made = 0;
    for crowd in CROWDS {
        // A new one, because a connection that rests for long is closed.
        let mut client = Client::new(&server);
        while made < crowd {
            key(&mut client, "hsm", &format!("k{made}"), P256);
            made += 1;
        }
        let (middle, low, high) = rate(&server, 16, &signing("hsm-k0"));
        println!("{crowd:>14} keys in the token: {middle:.0} per second ({low:.0} to {high:.0})");
    }
    println!("      target: no fewer with 500 keys than with 2");
}

/// 99 % of the reads of a secret take less than this many microseconds.
fn reads(server: &Process) -> f64 {
    let read = request("GET", "kv/a", "");
    let times = times(server, READS, &[200], &|_| read.clone());
    times[times.len() * 99 / 100]
}

pub(crate) fn hanging() {
    let token = Token::new("bench");
    let folder = harness::Folder::new();
    let (shim, flag) = (folder.path().join("shim.so"), folder.path().join("hangs"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/keys/drivers/pkcs11/tests/modules/shim.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&shim).status();
    assert!(built.is_ok_and(|status| status.success()), "the shim is not built");
    let conf = token.environment().into_iter().find(|(name, _)| name == "SOFTHSM2_CONF").expect("a configuration").1;
    let stanza = format!(
        "kms_library \"pkcs11\" {{\n  name = \"bad\"\n  library = \"{}\"\n  environment = {{\n    SOFTHSM2_CONF = \"{conf}\"\n    \
         SHIM_LIBRARY = \"{}\"\n    SHIM_BEHAVIOUR = \"hang\"\n    SHIM_FLAG = \"{}\"\n  }}\n}}\n",
        shim.display(),
        token.library().display(),
        flag.display()
    );
    let server = Process::configured_with(&(token.stanza() + &stanza), DEVELOPMENT, &token.environment());
    let mut client = Client::new(&server);
    for (path, body) in
        [("sys/mounts/signer", r#"{"type":"signer"}"#), ("sys/mounts/kv", r#"{"type":"kv"}"#), ("kv/a", r#"{"x":"y"}"#)]
    {
        post(&mut client, path, body);
    }
    key(&mut client, "bad", "k", P256);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(reads(&server));
        std::fs::write(&flag, "").expect("the flag");
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..HUNG {
                scope.spawn(|| {
                    let (mut client, request) = (Client::new(&server), signing("bad-k"));
                    while !ended.load(Ordering::Relaxed) {
                        // 503, at once or after a while: then a client comes back when it is told to.
                        if client.send(&request) != 200 {
                            std::thread::sleep(Duration::from_secs(1));
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(300));
            beside.push(reads(&server));
            ended.store(true, Ordering::Relaxed);
            std::fs::remove_file(&flag).expect("the flag");
        });
        // Until a worker signs again.
        while Client::new(&server).send(&signing("bad-k")) != 200 {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let ((alone, ..), (beside, low, high)) = (spread(alone), spread(beside));
    println!(
        "{:>14}: 99 % of reads below {alone:.0} µs alone, {beside:.0} µs ({low:.0} to {high:.0}) while a library hangs",
        "kv"
    );
    println!("      target: at most 1.2 × ({:.2} ×)", beside / alone);
}
