//! `pki/sign` with an issuer whose P-256 key is in a SoftHSM token, and `signer/sign` with the same key, with the library in a
//! worker process and in the server's own, against a bare loop of C_SignInit and C_Sign with as
//! many sessions. Rounds alternate. The bare loop runs in a process of its own: this very program, started again.

use std::process::Command;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use harness::{PIN, Process, Token};

use crate::client::{Client, DEVELOPMENT, load, request};
use crate::homes::stanzas;
use crate::measure::{processor_time, spread};

const SESSIONS: usize = 4;
const CLIENTS: usize = 16;
const PAIRS: usize = 7;
const ROUND: Duration = Duration::from_millis(1500);
/// The argument that makes this program the bare loop.
const BARE: &str = "--bare-token-loop";

pub(crate) fn run() {
    let token = Token::new("bench");
    for (process, stanza) in stanzas(&token) {
        let server = Process::configured_with(&stanza, DEVELOPMENT, &token.environment());
        let sign = set_up(&server);
        println!("{process}:");
        against_the_bare_loop(&token, &server, ("pki/sign", &sign));
        let signature = request("POST", "signer/sign/bench", r#"{"input":"aGVsbG8="}"#);
        against_the_bare_loop(&token, &server, ("signer/sign", &signature));
    }
    println!("      target: share of pki/sign at least 90 %");
}

fn against_the_bare_loop(token: &Token, server: &Process, (what, request): (&str, &[u8])) {
    load(server, CLIENTS, request, ROUND);
    let (mut bares, mut signs, mut shares, mut costs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let bare = bare_process(token);
        let (before, started) = (processor_time(server.pid()), Instant::now());
        let answered = load(server, CLIENTS, request, ROUND) as f64;
        let rate = answered / started.elapsed().as_secs_f64();
        costs.push((processor_time(server.pid()) - before).as_secs_f64() * 1e6 / answered);
        bares.push(bare);
        signs.push(rate);
        shares.push(rate / bare * 100.0);
    }
    for (of, unit, values) in [
        ("bare", "signatures per second, C_SignInit and C_Sign", bares),
        (what, "per second, load generator on the same cores", signs),
        ("share", "% of the bare rate", shares),
        ("cost", "µs of the server's processor each, without a worker's", costs),
    ] {
        let (middle, low, high) = spread(values);
        println!("{of:>12}: {middle:8.1} {unit} ({low:.1} to {high:.1})");
    }
}

/// A root in the token, a role, and a request to have a certification request signed.
fn set_up(server: &Process) -> Vec<u8> {
    let mut client = Client::new(server);
    let mut post = |path: &str, body: &str| {
        let status = client.send(&request("POST", path, body));
        assert!(status < 300, "{path}: {status}");
    };
    let key = format!(
        r#"{{"library":"hsm","token_label":"bench","pin":"{PIN}","key_label":"bench","mechanism":"0x1041","curve":"P256",
        "allow_generate_key":true,"any_mount":true,"max_parallel":{SESSIONS}}}"#
    );
    post("sys/managed-keys/pkcs11/bench", &key);
    post("sys/mounts/pki", r#"{"type":"pki","config":{"max_lease_ttl":"87600h"}}"#);
    post("pki/root/generate/kms", r#"{"common_name":"r","managed_key_name":"bench","ttl":"87600h"}"#);
    post("sys/mounts/signer", r#"{"type":"signer"}"#);
    post("signer/keys/bench", r#"{"managed_key_name":"bench"}"#);
    post("pki/roles/r", r#"{"allow_any_name":true,"key_type":"ec","no_store":true}"#);
    let pair = rcgen::KeyPair::generate().expect("a key");
    let mut csr = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).expect("a name");
    csr.distinguished_name = rcgen::DistinguishedName::new();
    let csr = csr.serialize_request(&pair).and_then(|csr| csr.pem()).expect("a request");
    let csr = csr.replace("\r\n", "\\n").replace('\n', "\\n");
    request("POST", "pki/sign/r", &format!(r#"{{"common_name":"www.example.com","csr":"{csr}"}}"#))
}

fn bare_process(token: &Token) -> f64 {
    let program = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(program).arg(BARE).arg(token.library()).envs(token.environment()).output();
    let output = output.expect("this program starts again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate")
}

/// Whether this process is the bare loop; runs it then, and prints its rate.
pub(crate) fn is_bare_loop() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(BARE) {
        return false;
    }
    let library = Pkcs11::new(arguments.next().expect("the library's path")).expect("the library loads");
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("the library starts");
    let labelled = |slot: &Slot| library.get_token_info(*slot).is_ok_and(|info| info.label().trim_end() == "bench");
    let slot = library.get_slots_with_token().expect("slots").into_iter().find(labelled).expect("the token");
    let guard = library.open_ro_session(slot).expect("a session");
    guard.login(UserType::User, Some(&PIN.to_owned().into())).expect("the PIN is right");
    let (started, until) = (Instant::now(), Instant::now() + ROUND);
    let count: u64 = std::thread::scope(|scope| {
        let signers: Vec<_> = (0..SESSIONS)
            .map(|_| {
                let session = library.open_ro_session(slot).expect("a session");
                scope.spawn(move || {
                    let key = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(b"bench".to_vec())];
                    let key = session.find_objects(&key).expect("a search")[0];
                    let mut count = 0;
                    while Instant::now() < until {
                        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).expect("a signature");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        signers.into_iter().map(|signer| signer.join().expect("a signer")).sum()
    });
    println!("{}", count as f64 / started.elapsed().as_secs_f64());
    true
}
