//! How a server ends.

use std::io::{Read, Write};
use std::time::Duration;

use harness::Process;

const DEV: [&str; 3] = ["-dev", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"];
const SOON: Duration = Duration::from_secs(5);

#[test]
fn an_open_request_is_finished_after_the_signal_and_the_process_ends_well() {
    let mut server = Process::launch(&DEV);
    let mut open = server.connect();
    open.write_all(b"POST /v1/sys/capabilities-self HTTP/1.1\r\nContent-Length: 14\r\n\r\n{\"path\"").unwrap();
    let idle = server.connect();
    let mut kept = server.connect();
    kept.write_all(b"GET /v1/sys/init HTTP/1.1\r\n\r\n").unwrap();
    assert!(kept.read(&mut [0; 1024]).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(100));
    server.terminate();
    assert!(server.ended(Duration::from_millis(300)).is_none(), "it did not wait for the open request");
    open.write_all(b":\"abc\"}").unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer:?}");
    let status = server.ended(SOON).expect("the server ends once nothing is open");
    assert_eq!(status.code(), Some(0));
    drop((idle, kept));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Process::launch(&DEV);
    let mut open = server.connect();
    open.write_all(b"POST /v1/sys/capabilities-self HTTP/1.1\r\nContent-Length: 14\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.terminate();
    assert!(server.ended(Duration::from_millis(300)).is_none());
    server.terminate();
    assert_eq!(server.ended(SOON).expect("the second signal ends it").code(), Some(0));
}

#[test]
fn a_handshake_that_never_ends_does_not_hold_the_stop_up() {
    let mut server = Process::launch(&[&DEV[..], &["-dev-tls"]].concat());
    let silent = server.connect();
    std::thread::sleep(Duration::from_millis(100));
    server.terminate();
    assert_eq!(server.ended(SOON).expect("it ends").code(), Some(0));
    drop(silent);
}
