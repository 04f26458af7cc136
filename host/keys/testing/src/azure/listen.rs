//! The listeners: TLS for Azure's names, plain HTTP for the machine's identity, and what goes wrong on the way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::{Fault, OWN_AUTHORITY, OWN_SUFFIX, State, UNSPEAKABLE, authority, vault};

/// Longest request, in bytes.
const REQUEST_MAX: usize = 64 << 10;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// The name of the host, without its port.
    pub(crate) host: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Answer {
    status: u16,
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("Content-Type".into(), "application/json; charset=utf-8".into())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", self.status, self.body.len()).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Starts both listeners on a thread of their own.
pub(crate) fn start(state: Arc<State>, folder: &Path, stop: oneshot::Receiver<()>) -> (SocketAddr, SocketAddr) {
    let acceptor = acceptor(folder);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send((secure.local_addr().unwrap(), plain.local_addr().unwrap())).unwrap();
            tokio::spawn(accept(secure, Some(acceptor), Arc::clone(&state)));
            tokio::spawn(accept(plain, None, state));
            let _ = stop.await;
        });
        runtime.shutdown_background();
    });
    told.recv().unwrap()
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (issuer, other) = (authority("vaults of a test"), authority("nobody of a test"));
    std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    std::fs::write(folder.join("other-ca.pem"), other.pem()).unwrap();
    let suffixes = keys::registry::AZURE_RESOURCES.into_iter().chain([OWN_SUFFIX]);
    let authorities =
        ["login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn", OWN_AUTHORITY];
    let names = suffixes.map(|suffix| format!("*.{suffix}")).chain(authorities.map(str::to_owned));
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names.collect::<Vec<_>>()).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            match acceptor {
                Some(acceptor) => {
                    // A client that refuses the certificate hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    serve(stream, &state).await;
                }
                None => serve(stream, &state).await,
            }
        });
    }
}

/// Answers requests until the client or a fault ends the connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let fault = note(state, &request);
        if let Some(fault) = fault {
            match faulty(fault).await {
                Some((bytes, close)) => {
                    let _ = stream.write_all(&bytes).await;
                    if close {
                        let _ = stream.shutdown().await;
                        return;
                    }
                    if !bytes.is_empty() {
                        continue;
                    }
                }
                None => return,
            }
        }
        let state = Arc::clone(state);
        let answered = tokio::task::spawn_blocking(move || answer(&state, &request)).await;
        let Ok(answer) = answered else { return };
        if stream.write_all(&answer.bytes()).await.is_err() {
            return;
        }
    }
}

fn answer(state: &State, request: &Request) -> Answer {
    match request.host.as_str() {
        host if host.starts_with("login.") => authority::token(state, request),
        "169.254.169.254" => authority::machine(state, request),
        // The driver replaces an address that it is told to find elsewhere.
        "127.0.0.1" => authority::machine(state, request),
        _ => vault::answer(state, request),
    }
}

/// Writes a request down, and takes the fault that it shall meet.
fn note(state: &State, request: &Request) -> Option<Fault> {
    let label = |text: &str, by: char| text.split(by).find(|part| !part.is_empty()).unwrap_or_default().to_owned();
    let who = if request.host.starts_with("login.") { label(&request.path, '/') } else { label(&request.host, '.') };
    let mut inner = state.lock();
    inner.log.push(format!("{who} {} {}", request.method, request.path));
    let faults = inner.faults.get_mut(&who)?;
    (!faults.is_empty()).then(|| faults.remove(0))
}

/// What a fault sends, and whether the connection ends then; nothing to send means that the right answer follows.
async fn faulty(fault: Fault) -> Option<(Vec<u8>, bool)> {
    let error = |status: u16, headers: Vec<(String, String)>| {
        let body = format!("{{\"error\":{{\"code\":\"Fault\",\"message\":\"{UNSPEAKABLE}\"}}}}").into_bytes();
        Answer { status, headers, body }.bytes()
    };
    Some(match fault {
        Fault::Throttled(seconds) => (error(429, vec![("Retry-After".into(), seconds.to_string())]), false),
        Fault::Status(status) => (error(status, Vec::new()), false),
        Fault::Html => {
            let body = format!("<html>{UNSPEAKABLE}</html>").into_bytes();
            (Answer { status: 200, headers: Vec::new(), body }.bytes(), false)
        }
        Fault::Noise => (b"\x00\x01 this is not HTTP \xff\r\n\r\n".to_vec(), true),
        Fault::Endless => (Answer { status: 200, headers: Vec::new(), body: vec![b' '; 4 << 20] }.bytes(), true),
        Fault::HangUp => return None,
        Fault::Redirect => (error(302, vec![("Location".into(), "https://elsewhere.test/".into())]), false),
        Fault::Slow(time) => {
            tokio::time::sleep(time).await;
            (Vec::new(), false)
        }
        Fault::Never => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return None;
        }
    })
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..end + 4).collect()).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    let host = header("host")?.split(':').next()?.to_owned();
    let body = buffer.drain(..length).collect();
    Some(Request { method, path: path.into(), query: query.into(), host, headers, body })
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 8192];
    let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&chunk[..read]);
    (buffer.len() <= REQUEST_MAX).then_some(())
}
