//! A request of strangers: its line, its headers and its body become an arrival, or a refusal in words.
#![no_main]

use hyper::Request;
use model::Kind;
use server::http::{Client, Head};

type Parts<'a> = (&'a [u8], &'a [u8], Vec<(&'a [u8], &'a [u8])>, Vec<u8>);

libfuzzer_sys::fuzz_target!(|parts: Parts<'_>| {
    let (method, uri, headers, body) = parts;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers.into_iter().take(100) {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(()) else { return };
    let (parts, ()) = request.into_parts();
    let client = Client { peer: ([127, 0, 0, 1], 1).into(), tls: false, certificate: None };
    match Head::read(&parts).and_then(|head| head.arrival("id".into(), client, body, None)) {
        Ok(arrival) => {
            let segments = || arrival.path.split('/');
            assert!(arrival.path.is_empty() || segments().all(|part| !part.is_empty() && part != "." && part != ".."));
            assert!(arrival.path.len() <= model::PATH_MAX && !arrival.path.chars().any(char::is_control));
            assert!(!arrival.headers.iter().any(|(name, _)| name == "x-vault-token" || name == "authorization"));
        }
        Err(fault) => assert!(fault.kind != Kind::Internal, "{fault}"),
    }
});
