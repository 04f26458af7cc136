//! What strangers may do with a connection.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use harness::{Process, curl};

/// A server that waits one second for heads and bodies, and serves at most four connections at once.
fn impatient() -> Process {
    Process::configured(
        "listener \"tcp\" {\n address = \"127.0.0.1:0\"\n tls_disable = true\n max_request_size = 1000\n \
         max_connections = 4\n http_read_header_timeout = \"1s\"\n http_read_timeout = \"1s\"\n}",
        &[],
    )
}

fn first_line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

#[test]
fn malformed_requests_are_refused_and_the_server_goes_on() {
    let server = impatient();
    for (request, status) in [
        (&b"GET /v1/sys/health\r\n\r\n"[..], "400"),
        (b"nonsense\r\n\r\n", "400"),
        (b"GET /v1/sys/health HTTP/9.9\r\n\r\n", "400"),
        (b"GET /v1/sys/health HTTP/1.1\r\nbad header\r\n\r\n", "400"),
        (b"POST /v1/a HTTP/1.1\r\nContent-Length: many\r\n\r\n", "400"),
        (b"POST /v1/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
        (b"POST /v1/a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"),
        (b"GET /v1/\x00 HTTP/1.1\r\n\r\n", "400"),
    ] {
        let answer = server.exchange(request);
        assert!(first_line(&answer).contains(status), "{:?}: {answer:?}", String::from_utf8_lossy(request));
    }
    assert!(curl(&[&format!("{}/v1/sys/seal-status", server.address())]).ends_with(" 200 1.1"));
}

#[test]
fn oversized_heads_are_refused() {
    let server = impatient();
    let large = format!("GET /v1/sys/health HTTP/1.1\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET /v1/sys/health HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(1000));
    let long = format!("GET /v1/{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    for request in [large, many, long] {
        let answer = server.exchange(request.as_bytes());
        // A server that closes with bytes unread may cut its own answer off.
        assert!(answer.is_empty() || first_line(&answer).contains("431"), "{answer:?}");
    }
    let fits = format!("GET /v1/sys/init HTTP/1.1\r\nConnection: close\r\nX-Large: {}\r\n\r\n", "x".repeat(50_000));
    assert!(first_line(&server.exchange(fits.as_bytes())).contains("200"));
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let server = impatient();
    let started = Instant::now();
    let answer = server.exchange(b"POST /v1/a HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
    assert!(first_line(&answer).contains("413"), "{answer:?}");
    assert!(answer.contains("request body too large"));
    assert!(started.elapsed() < Duration::from_millis(900), "it waited for the body");
    let fits = format!("POST /v1/a HTTP/1.1\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n{:1000}", "{}");
    assert!(first_line(&server.exchange(fits.as_bytes())).contains("503"));
}

#[test]
fn a_body_in_chunks_is_read_up_to_the_bound() {
    let server = impatient();
    let head = "POST /v1/a HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let small = format!("{head}2\r\n{{}}\r\n0\r\n\r\n");
    assert!(first_line(&server.exchange(small.as_bytes())).contains("503"));
    let large = format!("{head}{}0\r\n\r\n", format!("64\r\n{}\r\n", "x".repeat(100)).repeat(11));
    assert!(first_line(&server.exchange(large.as_bytes())).contains("413"));
}

#[test]
fn slow_heads_and_bodies_are_cut_off() {
    let server = impatient();
    for (start, status) in [
        (&b""[..], ""),
        (b"PRI * HT", ""),
        (b"GET /v1/sys/health HTTP/1.1\r\nX-Slow: ", ""),
        (b"POST /v1/a HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", "400"),
    ] {
        let began = Instant::now();
        let answer = server.exchange(start);
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(10), "{:?} was kept for {waited:?}", String::from_utf8_lossy(start));
        assert!(first_line(&answer).contains(status), "{answer:?}");
    }
}

#[test]
fn connections_over_the_bound_wait_until_another_ends() {
    let server = impatient();
    let held: Vec<_> = (0..4).map(|_| server.connect()).collect();
    let mut next = server.connect();
    next.write_all(b"GET /v1/sys/init HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    next.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut byte = [0];
    assert!(next.read(&mut byte).is_err(), "a fifth connection was served");
    drop(held);
    next.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    next.read_to_string(&mut answer).unwrap();
    assert!(first_line(&answer).contains("200"), "{answer}");
}

#[test]
fn doubled_slashes_count_as_one() {
    let server = impatient();
    let health = curl(&["--path-as-is", &format!("{}/v1//sys///seal-status", server.address())]);
    assert!(health.ends_with(" 200 1.1"), "{health}");
}

#[test]
fn http_2_is_spoken_by_prior_knowledge() {
    let server = impatient();
    let health = format!("{}/v1/sys/seal-status", server.address());
    assert!(curl(&["--http2-prior-knowledge", &health]).ends_with(" 200 2"));
    assert!(curl(&["--http2-prior-knowledge", "-I", &health]).ends_with(" 200 2"));
    let large = "x".repeat(1001);
    let refused = curl(&["--http2-prior-knowledge", "-d", &large, &format!("{}/v1/a", server.address())]);
    // The stream is reset while the body is still coming, and some clients then report that instead of the answer.
    assert!(refused.contains(" 413 2") || refused.starts_with(" 000 0curl: (92)"), "{refused}");
    assert!(curl(&["--http2-prior-knowledge", &health]).ends_with(" 200 2"));
}
