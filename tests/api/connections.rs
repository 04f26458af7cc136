//! What strangers may do with a connection.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use harness::{Process, curl, plain_listener};

/// A server that waits one second for heads and bodies, and serves at most four connections at once.
fn impatient() -> Process {
    Process::configured(
        &plain_listener(
            "max_request_size = 1000\n max_connections = 4\n http_read_header_timeout = \"1s\"\n \
             http_read_timeout = \"1s\"",
        ),
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
        (b"CONNECT a:1 HTTP/1.1\r\nConnection: close\r\n\r\n", "405"),
        (b"BREW /v1/a HTTP/1.1\r\nConnection: close\r\n\r\n", "405"),
        (b"OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n", "405"),
        // Of two lengths the chunks count, and the connection ends: nothing behind them is taken for a request.
        (b"POST /v1/a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "503"),
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
    let answer = server.exchange(b"POST /v1/a HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
    assert!(first_line(&answer).contains("413"), "it waited for the body: {answer:?}");
    assert!(answer.contains("request body too large"));
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

#[test]
fn requests_over_the_bound_are_told_to_come_back_and_health_is_still_answered() {
    let server = Process::configured(&plain_listener("max_in_flight_requests = 1"), &[]);
    let mut slow = server.connect();
    slow.write_all(b"POST /v1/a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let get = |path: &str| server.exchange(format!("GET /v1/{path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes());
    let refused = get("sys/init");
    assert!(first_line(&refused).contains("503") && refused.contains("retry-after: 1"), "{refused}");
    assert!(first_line(&get("sys/health")).contains("501"));
    slow.write_all(b"}").unwrap();
    slow.read_exact(&mut [0; 12]).unwrap();
    assert!(first_line(&get("sys/init")).contains("200"));
}

#[test]
fn a_listener_may_insist_on_a_header_that_browsers_do_not_send_from_afar() {
    let server = Process::configured(&plain_listener("require_request_header = true"), &[]);
    let status = format!("{}/v1/sys/seal-status", server.address());
    for (sent, code) in
        [("X-Other: true", " 412 "), ("X-Vault-Request: false", " 412 "), ("X-Vault-Request: true", " 200 ")]
    {
        assert!(curl(&["-H", sent, &status]).contains(code), "{sent}");
    }
}

#[test]
fn only_a_believed_proxy_may_say_where_a_request_comes_from() {
    let listener = |lines: &str| Process::configured(&plain_listener(lines), &[]);
    let strict = listener("x_forwarded_for_authorized_addrs = \"127.0.0.0/8\"\n x_forwarded_for_hop_skips = 1");
    let elsewhere = listener("x_forwarded_for_authorized_addrs = \"192.0.2.0/24\"");
    let lenient = listener(
        "x_forwarded_for_authorized_addrs = \"192.0.2.0/24\"\n x_forwarded_for_reject_not_present = false\n \
         x_forwarded_for_reject_not_authorized = false",
    );
    for (server, sent, code, says) in [
        (&strict, "X-Forwarded-For: 192.0.2.1, 127.0.0.9", " 200 ", "sealed"),
        (&strict, "X-Forwarded-For: 192.0.2.1", " 400 ", "hops to skip (1)"),
        (&strict, "X-Forwarded-For: nobody, 127.0.0.9", " 400 ", "x-forwarded-for: must be a list of addresses"),
        (&strict, "X-Other: 1", " 400 ", "missing x-forwarded-for header"),
        (&elsewhere, "X-Forwarded-For: 192.0.2.1", " 400 ", "not authorized for x-forwarded-for"),
        (&lenient, "X-Forwarded-For: 192.0.2.1", " 200 ", "sealed"),
        (&lenient, "X-Other: 1", " 200 ", "sealed"),
    ] {
        let answer = curl(&["-H", sent, &format!("{}/v1/sys/seal-status", server.address())]);
        assert!(answer.contains(code) && answer.contains(says), "{sent}: {answer}");
    }
}

#[test]
fn a_unix_socket_is_a_listener_too_and_its_file_goes_with_the_server() {
    let folder = harness::Folder::new();
    let path = folder.path().join("innkeeper.sock").display().to_string();
    let config = format!("listener \"unix\" {{\n address = \"{path}\"\n socket_mode = \"660\"\n}}");
    let status = || curl(&["--unix-socket", &path, "http://localhost/v1/sys/seal-status"]);
    let server = Process::configured(&config, &[]);
    assert_eq!(server.address(), format!("unix://{path}"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);
    assert!(status().contains(" 200 "));
    // A server that was killed leaves its file behind, which does not stop the next one.
    drop(server);
    assert!(std::path::Path::new(&path).exists());
    let mut server = Process::configured(&config, &[]);
    assert!(status().contains(" 200 "));
    server.terminate();
    assert!(server.ended(Duration::from_secs(10)).is_some());
    assert!(!std::path::Path::new(&path).exists());
}

/// A development server that waits one second for clients that take nothing, with an engine that gives large answers.
fn generous() -> Process {
    let server = Process::configured(
        &plain_listener("http_write_timeout = \"1s\""),
        &["-dev", "-dev-no-store-token", "-dev-root-token-id=root", "-dev-listen-address=127.0.0.1:0"],
    );
    let mount = format!("{}/v1/sys/mounts/echo", server.addresses()[1]);
    assert!(curl(&["-H", "X-Vault-Token: root", "-d", "{\"type\":\"echo\"}", &mount]).contains(" 204 "));
    server
}

fn connected(address: &str) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[test]
fn clients_that_do_not_take_their_answers_are_cut_off() {
    let server = generous();
    let body = format!("{{\"times\":100,\"text\":\"{}\"}}", "x".repeat(75_000));
    let ask =
        format!("POST /v1/echo/say HTTP/1.1\r\nX-Vault-Token: root\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = connected(&server.addresses()[1]);
    stream.write_all(ask.repeat(8).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let mut taken = Vec::new();
    // The connection ends, by its end or by a reset, before all eight answers of 7.5 MB were given.
    let _ = stream.read_to_end(&mut taken);
    assert!(taken.len() < 8 * 7_500_000, "all of it was kept for a client that did not read: {}", taken.len());
    assert!(curl(&[&format!("{}/v1/sys/health", server.addresses()[1])]).contains(" 200 "));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The beginning of HTTP/2, with a window for answers of this size.
fn beginning(window: u32) -> Vec<u8> {
    let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &settings)].concat()
}

/// `GET /v1/sys/init` on a stream.
fn get(stream: u32) -> Vec<u8> {
    let path = "/v1/sys/init";
    let head = [&[0x82, 0x86, 0x04, path.len() as u8][..], path.as_bytes(), &[0x01, 1, b'a']].concat();
    frame(1, 0x5, stream, &head)
}

#[test]
fn an_answer_that_has_no_window_over_http_2_is_not_kept() {
    let server = generous();
    let mut stream = connected(&server.addresses()[1]);
    stream.write_all(&[beginning(0), get(1)].concat()).unwrap();
    let began = Instant::now();
    let _ = stream.read_to_end(&mut Vec::new());
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(900) && waited < Duration::from_secs(10), "{waited:?}");
}

#[test]
fn clients_that_take_requests_back_as_fast_as_they_make_them_are_cut_off() {
    let server = generous();
    let mut stream = connected(&server.addresses()[1]);
    let mut all = beginning(65_535);
    for number in 0..20_000 {
        let stream = number * 2 + 1;
        all.extend([get(stream), frame(3, 0, stream, &[0, 0, 0, 8])].concat());
    }
    let _ = stream.write_all(&all);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    // 11: enhance your calm. The server may also have cut the connection before that could be read.
    let calmed = answer.windows(4).any(|part| part == [0, 0, 0, 11]);
    let cut = stream.write_all(&get(50_001)).and_then(|()| stream.write_all(&get(50_003))).is_err();
    assert!(calmed || cut, "20 000 requests were taken back on one connection");
    assert!(curl(&[&format!("{}/v1/sys/health", server.addresses()[1])]).contains(" 200 "));
}

#[test]
fn a_stop_does_not_wait_for_connections_that_rest() {
    let mut server = generous();
    let mut resting = connected(&server.addresses()[1]);
    resting.write_all(&[beginning(65_535), get(1)].concat()).unwrap();
    resting.read_exact(&mut [0; 9]).unwrap();
    server.terminate();
    assert!(server.ended(Duration::from_secs(5)).is_some(), "it waited for a client that only rests");
}
