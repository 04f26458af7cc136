//! `sys/storage/snapshot`: the whole store as one file, and back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{Answer, Folder, Process, ROOT, Server, curl, plain_listener, wait_until};
use serde_json::{Value, json};

const PATH: &str = "sys/storage/snapshot";
const TOKEN: (&str, &str) = ("X-Vault-Token", ROOT);
/// Longest wait for what should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// A server with a secret in a namespace, which is `old`.
fn with_a_secret() -> Server {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/namespaces/team-a", Value::Null).status, 200);
    assert_eq!(server.call_in("team-a", "POST", "sys/mounts/kept", json!({"type": "kv"})).status, 204);
    set(&server, "old");
    server
}

fn set(server: &Server, to: &str) {
    assert_eq!(server.call_in("team-a", "POST", "kept/a", json!({"is": to})).status, 204);
}

fn secret(server: &Server) -> Value {
    server.call_in("team-a", "GET", "kept/a", Value::Null).json["data"]["is"].clone()
}

fn save(server: &Server) -> Vec<u8> {
    let answer = server.call("GET", PATH, Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers.contains(&("content-type".into(), "application/octet-stream".into())), "{answer:?}");
    answer.bytes
}

fn restore(server: &Server, file: &[u8]) -> Answer {
    server.send_bytes("POST", PATH, &[TOKEN], file.to_vec())
}

/// A request whose body is still to come.
fn begun(server: &Server, headers: &str) -> TcpStream {
    let address = server.address().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "POST /v1/{PATH} HTTP/1.1\r\n{headers}\r\n").unwrap();
    stream
}

/// An upload of this size that was admitted: the server has asked for the body. Another one that has just ended may
/// still be in its way.
fn admitted(server: &Server, size: usize) -> TcpStream {
    let began = Instant::now();
    loop {
        match asked(server, size) {
            Ok(stream) => return stream,
            Err(said) => assert!(began.elapsed() < SOON && said.starts_with("HTTP/1.1 503"), "{said}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same at the first try, or what the server said instead.
fn asked(server: &Server, size: usize) -> Result<TcpStream, String> {
    let headers = format!("X-Vault-Token: {ROOT}\r\nExpect: 100-continue\r\nContent-Length: {size}\r\n");
    let mut stream = begun(server, &headers);
    let asked = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; asked.len()];
    stream.read_exact(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said).into_owned();
    if said == asked { Ok(stream) } else { Err(said) }
}

fn status_line(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line).into_owned()
}

#[test]
fn what_was_saved_comes_back_and_what_came_later_is_gone() {
    let server = with_a_secret();
    for path in [PATH, "sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"] {
        let file = save(&server);
        set(&server, "new");
        assert_eq!(server.call("POST", "sys/namespaces/team-b", Value::Null).status, 200);
        assert_eq!(server.call_in("team-b", "POST", "sys/mounts/later", json!({"type": "kv"})).status, 204);
        assert_eq!(server.call_in("team-a", "POST", "kept/b", json!({"is": "later"})).status, 204);
        let method = if path == PATH { "PUT" } else { "POST" };
        let answer = server.send_bytes(method, path, &[TOKEN], file);
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(secret(&server), "old");
        assert_eq!(server.call_in("team-a", "LIST", "kept", Value::Null).json["data"]["keys"], json!(["a"]));
        assert_eq!(server.call_in("team-b", "GET", "later/a", Value::Null).status, 404);
        assert_eq!(server.call("LIST", "sys/namespaces", Value::Null).json["data"]["keys"], json!(["team-a/"]));
    }
}

#[test]
fn what_was_removed_after_a_snapshot_works_again() {
    let server = with_a_secret();
    let file = save(&server);
    assert_eq!(server.call_in("team-a", "DELETE", "sys/mounts/kept", Value::Null).status, 204);
    assert_eq!(server.call("DELETE", "sys/namespaces/team-a", Value::Null).status, 204);
    assert_eq!(restore(&server, &file).status, 204);
    assert_eq!(secret(&server), "old");
    set(&server, "newer");
    assert_eq!(secret(&server), "newer");
}

#[test]
fn requests_during_restores_are_served_before_or_after_them() {
    let server = with_a_secret();
    let file = save(&server);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (server, over) = (&server, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let answer = server.call_in("team-a", "POST", &format!("kept/w{writer}"), json!({"is": "x"}));
                    assert!([204, 503].contains(&answer.status), "{answer:?}");
                    let read = server.call_in("team-a", "GET", "kept/a", Value::Null);
                    assert_eq!(read.json["data"]["is"], "old", "{read:?}");
                }
            });
        }
        for _ in 0..10 {
            assert_eq!(restore(&server, &file).status, 204);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(restore(&server, &file).status, 204);
    assert_eq!(server.call_in("team-a", "LIST", "kept", Value::Null).json["data"]["keys"], json!(["a"]));
}

#[test]
fn a_file_that_is_not_as_it_was_saved_is_refused_and_changes_nothing() {
    let server = with_a_secret();
    let file = save(&server);
    set(&server, "new");
    let flipped = |at: usize| {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        flipped
    };
    for (bad, says) in [
        (flipped(file.len() / 2), "damaged"),
        (flipped(file.len() - 1), "damaged"),
        (flipped(0), "byte 0"),
        (flipped(15), "format"),
        (file[..file.len() - 1].to_vec(), "breaks off"),
        ([&file[..], b"\n"].concat(), "follows"),
        (b"{\"type\": \"kv\"}".to_vec(), "not a snapshot"),
        (Vec::new(), "breaks off at byte 0"),
    ] {
        let answer = restore(&server, &bad);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.error().contains(says), "{answer:?}");
        assert_eq!(secret(&server), "new");
    }
    assert_eq!(restore(&server, &file).status, 204);
}

#[test]
fn an_upload_that_breaks_off_changes_nothing_and_leaves_room_for_the_next() {
    let server = with_a_secret();
    let file = save(&server);
    set(&server, "new");
    for part in [0, 20, file.len() / 2, file.len() - 1] {
        let mut upload = admitted(&server, file.len());
        upload.write_all(&file[..part]).unwrap();
        drop(upload);
    }
    assert_eq!(secret(&server), "new");
    wait_until("an upload that broke off still holds the restore", || restore(&server, &file).status == 204);
    assert_eq!(secret(&server), "old");
}

#[test]
fn who_may_not_is_refused_before_any_of_the_body_is_read() {
    let server = with_a_secret();
    let huge = "Expect: 100-continue\r\nContent-Length: 1000000000000";
    let root = format!("X-Vault-Token: {ROOT}");
    for (headers, status) in [
        (format!("{huge}\r\n"), "HTTP/1.1 403"),
        (format!("X-Vault-Token: wrong\r\n{huge}\r\n"), "HTTP/1.1 403"),
        (format!("{root}\r\nX-Vault-Namespace: team-a\r\n{huge}\r\n"), "HTTP/1.1 400"),
    ] {
        assert_eq!(status_line(&mut begun(&server, &headers)), status, "{headers}");
    }
    assert_eq!(server.send("GET", PATH, &[], Value::Null).status, 403);
    assert_eq!(server.call_in("team-a", "GET", PATH, Value::Null).status, 400);
    assert_eq!(server.call("POST", &format!("team-a/{PATH}"), Value::Null).status, 400);
    for method in ["DELETE", "LIST"] {
        assert_eq!(server.call(method, PATH, Value::Null).status, 405, "{method}");
    }
    assert_eq!(server.call("HEAD", PATH, Value::Null).status, 200);
}

#[test]
fn one_snapshot_is_restored_at_a_time() {
    let server = with_a_secret();
    let file = save(&server);
    set(&server, "new");
    let mut first = admitted(&server, file.len());
    first.write_all(&file[..file.len() / 2]).unwrap();
    let second = restore(&server, &file);
    assert_eq!(second.status, 503, "{second:?}");
    assert!(second.error().contains("another snapshot is being restored"), "{second:?}");
    assert!(second.headers.contains(&("retry-after".into(), "10".into())), "{second:?}");
    // Whoever uploads slowly holds nobody else up.
    set(&server, "newer");
    assert_eq!(secret(&server), "newer");
    first.write_all(&file[file.len() / 2..]).unwrap();
    assert_eq!(status_line(&mut first), "HTTP/1.1 204");
    assert_eq!(secret(&server), "old");
}

#[test]
fn an_upload_is_bound_neither_by_the_size_nor_by_the_time_of_other_bodies() {
    let server = Process::configured(
        &plain_listener("max_request_size = 100\n http_read_timeout = \"1s\""),
        &["-dev", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"],
    );
    let token = format!("X-Vault-Token: {}", server.said_after("Root Token: "));
    let address = &server.addresses()[1];
    let folder = Folder::new();
    let file = folder.path().join("saved").display().to_string();
    let url = format!("{address}/v1/{PATH}");
    assert_eq!(curl(&["-H", &token, "-o", &file, &url]), " 200 1.1");
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() > 100);
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "POST /v1/{PATH} HTTP/1.1\r\n{token}\r\nContent-Length: {}\r\n\r\n", bytes.len()).unwrap();
    for half in bytes.chunks(bytes.len().div_ceil(2)) {
        stream.write_all(half).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert_eq!(status_line(&mut stream), "HTTP/1.1 204");
    let http2 = ["--http2-prior-knowledge", "-H", &token];
    assert_eq!(curl(&[&http2[..], &["-o", &file, &url]].concat()), " 200 2");
    assert_eq!(curl(&[&http2[..], &["-T", &file, &url]].concat()), " 204 2");
}

/// Fills the server with this many secrets of a mebibyte that do not compress into anything.
fn fill(server: &Server, secrets: usize) {
    assert_eq!(server.call("POST", "sys/mounts/large", json!({"type": "kv"})).status, 204);
    let text = "0123456789abcdef".repeat((1 << 16) - 1000);
    for number in 0..secrets {
        let answer = server.call("POST", &format!("large/{number}"), json!({"text": text}));
        assert_eq!(answer.status, 204, "{answer:?}");
    }
}

/// A field of the server's `/proc/<pid>/status`, in MiB.
fn memory(server: &Server, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// By how much more memory the server had at most while this ran, in MiB.
fn grown(server: &Server, run: impl FnOnce()) -> u64 {
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let before = memory(server, "VmRSS");
    run();
    memory(server, "VmHWM").saturating_sub(before)
}

fn curl_to(server: &Server, options: &[&str]) -> String {
    let (token, url) = (format!("X-Vault-Token: {ROOT}"), format!("{}/v1/{PATH}", server.address()));
    curl(&[&["-H", &token][..], options, &[&url]].concat())
}

#[test]
fn a_large_snapshot_passes_in_bounded_memory() {
    const SECRETS: u64 = 56;
    let server = Server::start();
    fill(&server, SECRETS as usize);
    let folder = Folder::new();
    let file = folder.path().join("saved");
    let name = file.display().to_string();
    let saving = grown(&server, || assert_eq!(curl_to(&server, &["-o", &name]), " 200 1.1"));
    assert!(std::fs::metadata(&file).unwrap().len() > 50 << 20);
    assert!(saving < 24, "saving took {saving} MiB");
    // All that is wrong is its last bit: until then nothing may be kept in memory.
    let bad = folder.path().join("bad");
    flip_last_bit(&file, &bad);
    let refusing = grown(&server, || {
        let said = curl_to(&server, &["-T", &bad.display().to_string()]);
        assert!(said.contains("damaged") && said.ends_with(" 400 1.1"), "{said}");
    });
    assert!(refusing < 24, "refusing took {refusing} MiB");
    // This store keeps everything in memory, and both the old and the new until all of it has come.
    let restoring = grown(&server, || assert_eq!(curl_to(&server, &["-T", &name]), " 204 1.1"));
    assert!(restoring < SECRETS + 32, "restoring took {restoring} MiB");
    let last = server.call("GET", &format!("large/{}", SECRETS - 1), Value::Null);
    assert!(last.json["data"]["text"].as_str().unwrap().starts_with("0123456789abcdef"));
}

fn flip_last_bit(from: &Path, to: &Path) {
    let mut bytes = std::fs::read(from).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(to, bytes).unwrap();
}

#[test]
fn clients_that_take_nothing_are_bounded_and_those_that_leave_are_forgotten() {
    let server = Server::start();
    fill(&server, 24);
    let address = server.address().strip_prefix("http://").unwrap();
    let stalled: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET /v1/{PATH} HTTP/1.1\r\nX-Vault-Token: {ROOT}\r\n\r\n").unwrap();
            assert_eq!(status_line(&mut stream), "HTTP/1.1 200");
            stream
        })
        .collect();
    let fifth = server.call("GET", PATH, Value::Null);
    assert_eq!(fifth.status, 503, "{}", fifth.text);
    assert!(fifth.error().contains("4 snapshots"), "{fifth:?}");
    assert_eq!(server.call("POST", "large/more", json!({"text": "x"})).status, 204);
    drop(stalled);
    wait_until("those who left are not forgotten", || curl_to(&server, &["-o", "/dev/null"]) == " 200 1.1");
}

#[test]
fn a_server_that_is_killed_in_a_save_leaves_the_client_without_an_end() {
    let server = Server::start();
    fill(&server, 24);
    let mut saving = Command::new("curl")
        .args(["-sS", "--limit-rate", "1M", "-o", "/dev/null", "-H", &format!("X-Vault-Token: {ROOT}")])
        .arg(format!("{}/v1/{PATH}", server.address()))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop(server);
    assert!(!saving.wait().unwrap().success());
}
