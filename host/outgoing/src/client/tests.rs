use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server with a certificate of its own authority; answers every connection with these bytes.
async fn server(answer: Vec<u8>) -> (u16, String) {
    let authority = CertifiedIssuer::self_signed(
        {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        },
        KeyPair::generate().unwrap(),
    )
    .unwrap();
    let pair = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&pair, &authority).unwrap();
    let key = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 4096];
                drop(stream.read(&mut head).await);
                drop(stream.write_all(&answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
    (port, authority.pem())
}

fn question(url: &str, ca: Option<&str>) -> Question {
    Question {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        told: Vec::new(),
        body: Vec::new(),
        ca_pem: ca.map(str::to_owned),
        timeout: TIME_MAX,
    }
}

fn allowing(entries: &[&str]) -> Outgoing {
    Outgoing::new(Allowed::new(entries.iter().copied()).unwrap())
}

async fn asked(outgoing: &Outgoing, question: Question) -> Result<Answer, Reason> {
    outgoing.send(question, &Terms::default(), Instant::now() + TIME_MAX).await.map_err(|failure| failure.reason)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-kind: test\r\nconnection: close\r\n\r\nhi";

#[tokio::test]
async fn an_allowed_host_answers_if_its_certificate_is_of_the_given_authority() {
    let (port, ca) = server(OK.to_vec()).await;
    let outgoing = allowing(&[&format!("127.0.0.1:{port}"), &format!("localhost:{port}")]);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/keys");
        let answer = asked(&outgoing, question(&url, Some(&ca))).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
        assert!(answer.headers.contains(&("x-kind".to_owned(), "test".to_owned())));
        assert_eq!(asked(&outgoing, question(&url, None)).await.err(), Some(Reason::Untrusted));
    }
}

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_not_asked() {
    let (port, ca) = server(OK.to_vec()).await;
    let url = format!("https://127.0.0.1:{port}/");
    for entries in [&[][..], &["127.0.0.1:1"], &["*.0.0.1"], &["example.org:443"]] {
        assert_eq!(
            asked(&allowing(entries), question(&url, Some(&ca))).await.err(),
            Some(Reason::NotAllowed),
            "{entries:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_only_a_wildcard_allows_does_not_lead_inside() {
    // Names below localhost lead to this machine (RFC 6761), where the resolver knows them.
    let outgoing = allowing(&["*.localhost:443"]);
    let reason = asked(&outgoing, question("https://a.localhost/", None)).await.err();
    assert!(matches!(reason, Some(Reason::NotAllowed | Reason::Unreachable)), "{reason:?}");
}

#[tokio::test]
async fn questions_out_of_bounds_are_refused_before_anything_is_sent() {
    let outgoing = allowing(&["example.org:80", "example.org:443", "127.0.0.1:80"]);
    let long = format!("https://example.org/{}", "x".repeat(URL_MAX));
    for url in [
        "http://example.org/",
        "ftp://example.org/",
        "https://a:b@example.org/",
        "https://example.org/#x",
        "example.org",
        &long,
    ] {
        assert_eq!(asked(&outgoing, question(url, None)).await.err(), Some(Reason::Invalid), "{url}");
    }
    let with = |headers: Vec<(&str, &str)>| Question {
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..question("https://example.org/", None)
    };
    for headers in [
        vec![("host", "x")],
        vec![("Content-Length", "1")],
        vec![("a b", "x")],
        vec![("a", "x\r\ny")],
        vec![("a", "x"); HEADERS_MAX + 1],
    ] {
        assert_eq!(asked(&outgoing, with(headers)).await.err(), Some(Reason::Invalid));
    }
    for pem in ["", "not pem", &"x".repeat(CA_PEM_MAX + 1)] {
        assert_eq!(asked(&outgoing, question("https://example.org/", Some(pem))).await.err(), Some(Reason::Invalid));
    }
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let (port, ca) =
        server(b"HTTP/1.1 302 Found\r\nlocation: https://example.org/\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let outgoing = allowing(&[&format!("127.0.0.1:{port}"), "example.org:443"]);
    let answer = asked(&outgoing, question(&format!("https://127.0.0.1:{port}/"), Some(&ca))).await.unwrap();
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn too_long_an_answer_and_a_slow_one_are_given_up() {
    let mut long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", ANSWER_MAX + 1).into_bytes();
    long.resize(long.len() + ANSWER_MAX + 1, b'x');
    let (port, ca) = server(long).await;
    let outgoing = allowing(&[&format!("127.0.0.1:{port}")]);
    let url = format!("https://127.0.0.1:{port}/");
    assert_eq!(asked(&outgoing, question(&url, Some(&ca))).await.err(), Some(Reason::TooLarge));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let outgoing = allowing(&[&format!("127.0.0.1:{port}")]);
    let hurried =
        Question { timeout: Duration::from_millis(50), ..question(&format!("http://127.0.0.1:{port}/"), None) };
    assert_eq!(asked(&outgoing, hurried).await.err(), Some(Reason::Timeout));
    drop(silent);
    let gone = question(&format!("http://127.0.0.1:{port}/"), None);
    assert_eq!(asked(&outgoing, gone).await.err(), Some(Reason::Unreachable));
}

#[tokio::test]
async fn what_the_host_tells_is_in_the_place_of_what_a_guest_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head).await.unwrap();
        stream.write_all(OK).await.unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap().to_lowercase()
    });
    // As many as a guest may say: the host's own are not counted.
    let mut headers = vec![("x-a".to_owned(), "1".to_owned()); HEADERS_MAX - 1];
    headers.push(("Traceparent".to_owned(), "of-the-guest".to_owned()));
    let told = vec![("traceparent", "of-the-host".to_owned()), ("tracestate", "not\na value".to_owned())];
    let asking = Question { headers, told, ..question(&format!("http://127.0.0.1:{port}/"), None) };
    asked(&allowing(&[&format!("127.0.0.1:{port}")]), asking).await.unwrap();
    let heard = heard.await.unwrap();
    assert!(heard.contains("traceparent: of-the-host\r\n"), "{heard}");
    assert!(!heard.contains("of-the-guest") && !heard.contains("tracestate"), "{heard}");
}

#[tokio::test]
async fn who_asks_gets_no_more_than_it_was_granted() {
    let (port, ca) = server(OK.to_vec()).await;
    let outgoing = allowing(&[&format!("127.0.0.1:{port}")]);
    let url = format!("https://127.0.0.1:{port}/");
    let ask = async |terms: Terms, question: Question| {
        outgoing.send(question, &terms, Instant::now() + TIME_MAX).await.map(|answer| answer.status)
    };
    let post = |body: &[u8]| Question { method: Method::Post, body: body.to_vec(), ..question(&url, None) };
    let granted = || Terms {
        hosts: Some(Allowed::new([format!("127.0.0.1:{port}").as_str()]).unwrap()),
        methods: Some(vec![Method::Post]),
        ca_pem: Some(ca.clone()),
        size_max: Some(2),
        time_max: None,
    };
    assert_eq!(ask(granted(), post(b"hi")).await.unwrap(), 200);
    for (terms, question, reason, says) in [
        (granted(), question(&url, None), Reason::NotAllowed, "GET is not among the methods"),
        (granted(), Question { ca_pem: Some(ca.clone()), ..post(b"") }, Reason::NotAllowed, "powers.http_out_ca_pem"),
        (granted(), post(b"hi!"), Reason::Invalid, "body: at most 2 bytes"),
        (Terms { size_max: Some(1), ..granted() }, post(b""), Reason::TooLarge, "more than 1 bytes"),
        (Terms { ca_pem: None, ..granted() }, post(b""), Reason::Untrusted, ""),
        (Terms { hosts: Some(Allowed::default()), ..granted() }, post(b""), Reason::NotAllowed, "powers.http_out)"),
    ] {
        let failure = ask(terms, question).await.unwrap_err();
        assert!(failure.reason == reason && failure.text.contains(says), "{failure:?}");
    }
}

#[tokio::test]
async fn a_granted_time_is_shorter_than_the_one_that_is_asked_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let outgoing = allowing(&[&format!("127.0.0.1:{port}")]);
    let terms = Terms { time_max: Some(Duration::from_millis(50)), ..Terms::default() };
    let asked = outgoing.send(question(&format!("http://127.0.0.1:{port}/"), None), &terms, Instant::now() + TIME_MAX);
    let began = Instant::now();
    assert_eq!(asked.await.err().map(|failure| failure.reason), Some(Reason::Timeout));
    assert!(began.elapsed() < TIME_MAX / 2, "{:?}", began.elapsed());
}
