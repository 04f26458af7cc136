//! Accepts connections and serves them until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::http;

/// Most connections at once on one listener.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Longest TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Longest time until a request's headers are complete.
pub const HEADERS_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_MAX: usize = 64 << 10;
/// Most requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// How long open requests may finish after the stop.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// Rest after a failed accept, so that a process out of file descriptors does not spin.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A bound listener and how to speak on it.
pub struct Door {
    /// Where connections come in.
    pub listener: TcpListener,
    /// With TLS, or plain.
    pub tls: Option<TlsAcceptor>,
    /// Largest request body, in bytes.
    pub max_request_size: usize,
}

/// Serves connections until `stop` resolves, then lets open requests finish.
pub async fn serve(door: Door, gateway: Arc<Gateway>, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = door.listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = Connection {
            gateway: Arc::clone(&gateway),
            peer,
            tls: door.tls.clone(),
            max_request_size: door.max_request_size,
            watcher: graceful.watcher(),
        };
        tokio::spawn(async move {
            connection.run(stream).await;
            drop(permit);
        });
    }
    drop(door.listener);
    if tokio::time::timeout(DRAIN_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still open after 30 s and are cut off");
    }
}

struct Connection {
    gateway: Arc<Gateway>,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    max_request_size: usize,
    watcher: Watcher,
}

impl Connection {
    /// The handshake belongs to the connection's own task: a slow client holds nobody else up.
    async fn run(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        match self.tls.clone() {
            None => self.speak(stream, false).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, true).await,
                Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "a TLS handshake failed"),
                Err(_elapsed) => tracing::debug!(peer = %self.peer, "a TLS handshake took too long"),
            },
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, tls: bool) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIME_MAX).max_buf_size(HEAD_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_MAX as u32)
            .keep_alive_interval(Duration::from_secs(60));
        let Self { gateway, peer, max_request_size, watcher, .. } = self;
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&gateway);
            async move {
                Ok::<_, std::convert::Infallible>(http::answer(&gateway, request, peer, tls, max_request_size).await)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}
