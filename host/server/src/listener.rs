//! Accepts connections and serves them until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway::Gateway;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config;
use crate::http::{self, BodyBounds};
use crate::tls::Identity;

/// Longest TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
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
    pub tls: Option<Arc<Identity>>,
    /// What a request's body may cost.
    pub body: BodyBounds,
    /// Longest time until a request's headers are complete, and between two requests of one connection.
    pub head_time: Duration,
    /// Most connections at once; further ones wait until one ends.
    pub connections: usize,
}

impl Door {
    /// A door with the bounds that the configuration gives this listener.
    pub fn new(listener: TcpListener, tls: Option<Arc<Identity>>, settings: &config::Listener) -> Self {
        Self {
            listener,
            tls,
            body: BodyBounds { size: settings.max_request_size, time: settings.read_timeout },
            head_time: settings.read_header_timeout,
            connections: settings.max_connections,
        }
    }
}

/// Serves connections until `stop` turns true, then lets open requests finish.
pub async fn serve(door: Door, gateway: Arc<Gateway>, stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(door.connections));
    let graceful = GracefulShutdown::new();
    let mut stopped = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&door.listener, &permits) => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Some((permit, stream, peer)) = accepted else { continue };
        let connection = Connection {
            gateway: Arc::clone(&gateway),
            peer,
            tls: door.tls.clone(),
            body: door.body,
            head_time: door.head_time,
            watcher: graceful.watcher(),
            stop: stop.clone(),
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

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((permit, stream, peer)),
        Err(error) => {
            tracing::warn!(%error, "accepting a connection failed");
            tokio::time::sleep(BACK_OFF).await;
            None
        }
    }
}

struct Connection {
    gateway: Arc<Gateway>,
    peer: SocketAddr,
    tls: Option<Arc<Identity>>,
    body: BodyBounds,
    head_time: Duration,
    watcher: Watcher,
    stop: watch::Receiver<bool>,
}

impl Connection {
    /// The handshake belongs to the connection's own task: a slow client holds nobody else up, nor the stop.
    async fn run(mut self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        let Some(tls) = self.tls.as_ref().map(|tls| tls.acceptor()) else { return self.speak(stream, None).await };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)) => shaken,
            _ = self.stop.wait_for(|stop| *stop) => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                self.speak(stream, Some(protocol.unwrap_or_default())).await;
            }
            Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!(peer = %self.peer, "a TLS handshake took too long"),
        }
    }

    /// `protocol` is what the TLS handshake agreed on; `None` without TLS.
    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, protocol: Option<Vec<u8>>) {
        let Self { gateway, peer, body, head_time, watcher, .. } = self;
        let (builder, tls) = (speech(protocol.as_deref(), head_time), protocol.is_some());
        let spoken = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoken);
        let service = service_fn(move |request| {
            heard.store(true, Ordering::Relaxed);
            let gateway = Arc::clone(&gateway);
            async move { Ok::<_, std::convert::Infallible>(http::answer(&gateway, request, peer, tls, body).await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let mut connection = std::pin::pin!(watcher.watch(connection));
        // hyper watches the time of a head only once it knows which HTTP is spoken: the first one is watched here.
        let result = match tokio::time::timeout(head_time, connection.as_mut()).await {
            Ok(result) => result,
            Err(_elapsed) if !spoken.load(Ordering::Relaxed) => {
                tracing::debug!(%peer, "a connection said nothing for too long");
                return;
            }
            Err(_elapsed) => connection.await,
        };
        if let Err(error) = result {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}

/// How to speak with a client: as TLS agreed, or without TLS whichever version it begins with.
fn speech(protocol: Option<&[u8]>, head_time: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(HEAD_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_MAX as u32)
        .keep_alive_interval(Duration::from_secs(60));
    match protocol {
        Some(b"h2") => builder.http2_only(),
        Some(_) => builder.http1_only(),
        None => builder,
    }
}
