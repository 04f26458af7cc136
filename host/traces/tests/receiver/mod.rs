//! A receiver of traces: OTLP over HTTP/1, with TLS or without.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a receiver does with a batch.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Takes,
    Refuses,
    /// It never answers.
    Hangs,
}

/// A span as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) kind: i32,
    pub(crate) failed: bool,
    pub(crate) says: HashMap<String, String>,
    /// What its sender says of itself.
    pub(crate) of: HashMap<String, String>,
}

/// What was received.
#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    heads: Vec<(String, String)>,
}

pub(crate) struct Receiver {
    pub(crate) address: String,
    /// The authority of its certificate, with TLS.
    pub(crate) authority: Option<String>,
    received: Arc<Mutex<Received>>,
}

impl Receiver {
    pub(crate) async fn plain(manner: Manner) -> Self {
        Self::serve(manner, None).await
    }

    pub(crate) async fn with_tls() -> Self {
        Self::serve(Manner::Takes, Some(certificate())).await
    }

    async fn serve(manner: Manner, tls: Option<(TlsAcceptor, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let received = Arc::<Mutex<Received>>::default();
        let (acceptor, authority) = tls.unzip();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, acceptor) = (Arc::clone(&kept), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => speak(stream, manner, kept).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                speak(stream, manner, kept).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, authority, received }
    }

    /// The spans, once there are so many.
    pub(crate) async fn spans(&self, number: usize) -> Vec<Span> {
        for _ in 0..500 {
            let spans = self.received.lock().unwrap().spans.clone();
            if spans.len() >= number {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{number} spans did not come, but {:?}", self.received.lock().unwrap().spans);
    }

    /// Path and `x-key` of each batch.
    pub(crate) fn heads(&self) -> Vec<(String, String)> {
        self.received.lock().unwrap().heads.clone()
    }
}

async fn speak<S>(stream: S, manner: Manner, received: Arc<Mutex<Received>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, manner, Arc::clone(&received)));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    manner: Manner,
    received: Arc<Mutex<Received>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.headers().get("x-key").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let head = (request.uri().path().to_owned(), key);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    match manner {
        Manner::Takes => {}
        Manner::Refuses => return Ok(Response::builder().status(503).body(Full::default()).unwrap()),
        Manner::Hangs => std::future::pending().await,
    }
    let batch = ExportTraceServiceRequest::decode(body).unwrap();
    let mut received = received.lock().unwrap();
    received.heads.push(head);
    received.spans.extend(spans(batch));
    Ok(Response::new(Full::default()))
}

fn spans(batch: ExportTraceServiceRequest) -> impl Iterator<Item = Span> {
    batch.resource_spans.into_iter().flat_map(|resource| {
        let of = says(&resource.resource.unwrap_or_default().attributes);
        let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.map(move |span| Span {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: span.kind,
            failed: span.status.is_some_and(|status| status.code == otlp::status::StatusCode::Error as i32),
            says: says(&span.attributes),
            name: span.name,
            of: of.clone(),
        })
    })
}

fn says(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &KeyValue| match value.value.clone().and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn certificate() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&pair, &authority).unwrap();
    let key = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}
