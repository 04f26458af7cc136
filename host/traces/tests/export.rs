//! What a receiver gets, and what becomes of spans and of requests when it does not take them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod receiver;

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use meter::Meter;
use receiver::{Manner, Receiver, Span};
use secrecy::SecretString;
use traces::{Asks, CLOSE_MAX, QUEUE_MAX, SPANS_MAX, Settings, Traces};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn settings(receiver: &Receiver) -> Settings {
    Settings {
        endpoint: receiver.address.clone(),
        sample_ratio: 1.0,
        headers: Vec::new(),
        ca_pem: receiver.authority.clone(),
        cluster: "house".into(),
        version: "1.2.3".into(),
    }
}

fn started(receiver: &Receiver) -> (Traces, Meter) {
    let meter = Meter::default();
    (Traces::start(&settings(receiver), meter.clone()).unwrap(), meter)
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {spans:?}");
    found[0]
}

/// How many spans a meter says had this end.
fn counted(meter: &Meter, outcome: &str) -> u64 {
    let name = format!("innkeeper_trace_spans_total{{outcome=\"{outcome}\"}} ");
    meter.text().lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..500 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_parts_are_one_trace_below_the_caller() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let (traces, meter) = started(&receiver);
    let trace = traces.begin(&headers(&[("traceparent", CALLER), ("tracestate", "a=1")]));
    assert_eq!(trace.id(), Some("0af7651916cd43dd8448eb211c80319c"));
    trace.name("update", "sign/{role}");
    trace.text("innkeeper.mount.type", "pki");
    let mut guest = trace.span("guest", Asks::Nobody);
    guest.text("innkeeper.engine.version", "1.0.0");
    let mut asked = guest.span("http-out", Asks::Another);
    asked.number("http.response.status_code", 200);
    let onward = asked.headers();
    drop(asked);
    guest.failed("trapped");
    drop(guest);
    trace.answered(500);
    let spans = receiver.spans(3).await;
    let (request, guest, asked) = (one(&spans, "update sign/{role}"), one(&spans, "guest"), one(&spans, "http-out"));
    assert!(spans.iter().all(|span| span.trace == "0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(request.parent, "b7ad6b7169203331");
    assert_eq!((&guest.parent, &asked.parent), (&request.id, &guest.id));
    // Server, internal, client.
    assert_eq!((request.kind, guest.kind, asked.kind), (2, 1, 3));
    assert_eq!(request.says["http.response.status_code"], "500");
    assert_eq!(request.says["innkeeper.mount.type"], "pki");
    assert_eq!(guest.says["innkeeper.engine.version"], "1.0.0");
    assert!(request.failed && guest.failed && !asked.failed);
    assert_eq!((request.of["service.name"].as_str(), request.of["service.version"].as_str()), ("innkeeper", "1.2.3"));
    assert_eq!(request.of["innkeeper.cluster"], "house");
    let parent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", asked.id);
    assert_eq!(onward, [("traceparent", parent), ("tracestate", "a=1".to_owned())]);
    until(|| counted(&meter, "sent") == 3).await;
    assert_eq!(receiver.heads()[0].0, "/v1/traces");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_parent_begins_a_trace_of_its_own() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let (traces, _) = started(&receiver);
    traces.begin(&headers(&[("traceparent", "00-1-1-01")])).answered(200);
    let spans = receiver.spans(1).await;
    assert_eq!((spans[0].name.as_str(), spans[0].parent.as_str()), ("request", ""));
    assert!(!spans[0].failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_callers_trace_is_recorded_is_the_callers_choice() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let none = Settings { sample_ratio: 0.0, ..settings(&receiver) };
    let traces = Traces::start(&none, Meter::default()).unwrap();
    traces.begin(&HeaderMap::new()).answered(200);
    let unsampled = headers(&[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")]);
    let trace = traces.begin(&unsampled);
    let part = trace.span("guest", Asks::Nobody);
    assert!(!part.is_recorded());
    // Others may record it: it goes on to whoever is asked, as it came.
    let onward = part.headers().remove(0).1;
    assert!(onward.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && onward.ends_with("-00"), "{onward}");
    drop(part);
    trace.answered(200);
    traces.begin(&headers(&[("traceparent", CALLER)])).answered(200);
    traces.close().await;
    let spans = receiver.spans(1).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].parent, "b7ad6b7169203331");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_so_many_spans_and_the_others_are_counted() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let (traces, _) = started(&receiver);
    let trace = traces.begin(&HeaderMap::new());
    let guest = trace.span("guest", Asks::Nobody);
    for _ in 0..SPANS_MAX + 9 {
        drop(guest.span("storage.get", Asks::Nobody));
    }
    // One that is left out is no parent to anybody.
    let left_out = guest.span("http-out", Asks::Another);
    assert_eq!(left_out.headers(), guest.headers());
    drop((left_out, guest));
    trace.answered(200);
    traces.close().await;
    let spans = receiver.spans(SPANS_MAX as usize + 1).await;
    assert_eq!(spans.len(), SPANS_MAX as usize + 1);
    assert_eq!(one(&spans, "request").says["innkeeper.spans.omitted"], "11");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_no_request_and_what_is_too_much_is_counted() {
    let receiver = Receiver::plain(Manner::Hangs).await;
    let (traces, meter) = started(&receiver);
    let began = Instant::now();
    for _ in 0..QUEUE_MAX + 1000 {
        traces.begin(&HeaderMap::new()).answered(200);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(counted(&meter, "dropped"), 1000);
    assert_eq!(counted(&meter, "sent"), 0);
    let began = Instant::now();
    traces.close().await;
    assert!(began.elapsed() < CLOSE_MAX + Duration::from_millis(500), "{:?}", began.elapsed());
    // What ends after that is nobody's.
    traces.begin(&HeaderMap::new()).answered(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_refuses_or_is_not_there_for_is_counted() {
    let receiver = Receiver::plain(Manner::Refuses).await;
    let (traces, meter) = started(&receiver);
    traces.begin(&HeaderMap::new()).answered(200);
    until(|| counted(&meter, "lost") == 1).await;
    let nobody = Settings { endpoint: "http://127.0.0.1:1".into(), ..settings(&receiver) };
    let meter = Meter::default();
    let traces = Traces::start(&nobody, meter.clone()).unwrap();
    traces.begin(&HeaderMap::new()).answered(200);
    until(|| counted(&meter, "lost") == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_sends_what_waits() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let (traces, meter) = started(&receiver);
    for _ in 0..700 {
        traces.begin(&HeaderMap::new()).answered(200);
    }
    traces.close().await;
    assert_eq!(receiver.spans(700).await.len(), 700);
    assert_eq!(counted(&meter, "sent"), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_trusted_by_its_authority_and_sent_the_configured_headers() {
    let receiver = Receiver::with_tls().await;
    let headers = vec![("x-key".to_owned(), SecretString::from("s3cr3t"))];
    let trusting = Settings { headers, ..settings(&receiver) };
    let traces = Traces::start(&trusting, Meter::default()).unwrap();
    traces.begin(&HeaderMap::new()).answered(200);
    traces.close().await;
    receiver.spans(1).await;
    assert_eq!(receiver.heads(), [("/v1/traces".to_owned(), "s3cr3t".to_owned())]);
    let meter = Meter::default();
    let stranger = Traces::start(&Settings { ca_pem: None, ..trusting.clone() }, meter.clone()).unwrap();
    stranger.begin(&HeaderMap::new()).answered(200);
    until(|| counted(&meter, "lost") == 1).await;
    let no_authority = Settings { ca_pem: Some("nothing".into()), ..trusting };
    assert_eq!(Traces::start(&no_authority, Meter::default()).unwrap_err().setting, "tls_ca_file");
}

#[tokio::test]
async fn texts_are_cut() {
    let receiver = Receiver::plain(Manner::Takes).await;
    let (traces, _) = started(&receiver);
    let trace = traces.begin(&HeaderMap::new());
    trace.text("long", &"é".repeat(1000));
    trace.answered(200);
    traces.close().await;
    assert_eq!(receiver.spans(1).await[0].says["long"].len(), traces::VALUE_MAX);
}

#[test]
fn traces_that_are_off_do_nothing() {
    let traces = Traces::default();
    let trace = traces.begin(&headers(&[("traceparent", CALLER)]));
    let part = trace.span("guest", Asks::Nobody);
    assert!(!traces.is_on() && trace.id().is_none() && !part.is_recorded());
    assert!(trace.headers().is_empty() && part.headers().is_empty());
    trace.answered(200);
}
