//! Accepts connections and serves them until it is told to stop.

mod pulse;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

pub use self::pulse::{Answering, Pulse};
use self::pulse::{Patience, Verdict};
pub use self::socket::Socket;
use self::socket::Wire;
use crate::config;
use crate::http::{self, Client, Terms};
use crate::tls::Identity;

/// Longest TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Largest certificate of a client, in bytes: the contract with engines says so.
const CERTIFICATE_MAX: usize = 16 << 10;
/// Largest head of a request, in bytes.
const HEAD_MAX: usize = 64 << 10;
/// Most requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// Most requests of one HTTP/2 connection that its client has taken back and that are not cleared away yet, and most
/// that were ended for its errors: beyond, the connection is closed.
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 256;
/// How long open requests may finish after the stop.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// Rest after a failed accept, so that a process out of file descriptors does not spin.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A bound listener and how to speak on it.
pub struct Door {
    /// Where connections come in.
    pub socket: Socket,
    /// With TLS, or plain.
    pub tls: Option<Arc<Identity>>,
    terms: Arc<Terms>,
    patience: Patience,
    connections: usize,
}

impl Door {
    /// A door with the bounds that the configuration gives this listener.
    pub fn new(socket: impl Into<Socket>, tls: Option<Arc<Identity>>, settings: &config::Listener) -> Self {
        Self {
            socket: socket.into(),
            tls,
            terms: Arc::new(Terms::new(settings)),
            patience: Patience {
                head: settings.read_header_timeout,
                taking: settings.write_timeout,
                idle: settings.idle_timeout,
            },
            connections: settings.max_connections,
        }
    }
}

/// Serves connections until `stop` turns true, then lets open requests finish.
pub async fn serve(door: Door, gateway: Arc<Gateway>, stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(door.connections));
    let mut stopped = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&door.socket, &permits) => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Some((permit, wire, peer)) = accepted else { continue };
        let connection = Connection {
            gateway: Arc::clone(&gateway),
            peer,
            tls: door.tls.clone(),
            terms: Arc::clone(&door.terms),
            patience: door.patience,
            stop: stop.clone(),
        };
        let connected = gateway.meter().connected();
        tokio::spawn(async move {
            connection.run(wire).await;
            drop((permit, connected));
        });
    }
    drop(door.socket);
    let all = permits.acquire_many(u32::try_from(door.connections).unwrap_or(u32::MAX));
    if tokio::time::timeout(DRAIN_MAX, all).await.is_err() {
        tracing::warn!("requests were still open after 30 s and are cut off");
    }
}

/// The next connection, once there is room for it.
async fn accept(socket: &Socket, permits: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, Wire, SocketAddr)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((wire, peer)) => Some((permit, wire, peer)),
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
    terms: Arc<Terms>,
    patience: Patience,
    stop: watch::Receiver<bool>,
}

impl Connection {
    /// The handshake belongs to the connection's own task: a slow client holds nobody else up, nor the stop.
    async fn run(mut self, wire: Wire) {
        let mut wire = Box::pin(TimeoutStream::new(wire));
        wire.as_mut().set_write_timeout_pinned(Some(self.patience.taking));
        let peer = self.peer;
        let Some(tls) = self.tls.as_ref().map(|tls| tls.acceptor()) else {
            return self.speak(Box::new(wire), None, Client { peer, tls: false, certificate: None }).await;
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_MAX, tls.accept(wire)) => shaken,
            _ = self.stop.wait_for(|stop| *stop) => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let session = stream.get_ref().1;
                let protocol = session.alpn_protocol().map(<[u8]>::to_vec).unwrap_or_default();
                let leaf = session.peer_certificates().and_then(<[_]>::first);
                let certificate = leaf.filter(|leaf| leaf.len() <= CERTIFICATE_MAX).map(|leaf| leaf.to_vec());
                self.speak(Box::new(stream), Some(protocol), Client { peer, tls: true, certificate }).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    /// `protocol` is what the TLS handshake agreed on; `None` without TLS.
    async fn speak(self, wire: Wire, protocol: Option<Vec<u8>>, client: Client) {
        let Self { gateway, peer, terms, patience, mut stop, .. } = self;
        let (client, pulse) = (Arc::new(client), Arc::new(Pulse::new()));
        let beating = Arc::clone(&pulse);
        let service = service_fn(move |request| {
            let (gateway, client, terms) = (Arc::clone(&gateway), Arc::clone(&client), Arc::clone(&terms));
            let answering = beating.answering();
            // A connection keeps the place of its answer while it rests, which is large: this way only that of a pointer.
            Box::pin(async move {
                let response = http::answer(&gateway, request, &client, &terms).await;
                Ok::<_, std::convert::Infallible>(response.map(|body| answering.with(body)))
            })
        });
        let builder = speech(protocol.as_deref(), patience.head);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(wire), service).into_owned());
        let mut leaving = false;
        let result = loop {
            tokio::select! {
                result = connection.as_mut() => break result,
                _ = stop.wait_for(|stop| *stop), if !leaving => leaving = true,
                verdict = pulse.watch(patience, leaving) => match verdict {
                    Verdict::Idle => leaving = true,
                    Verdict::Hopeless => return tracing::debug!(%peer, "a client that was too slow is cut off"),
                },
            }
            connection.as_mut().graceful_shutdown();
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
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(ERRORS_MAX)
        .max_header_list_size(HEAD_MAX as u32)
        .keep_alive_interval(Duration::from_secs(60));
    match protocol {
        Some(b"h2") => builder.http2_only(),
        Some(_) => builder.http1_only(),
        None => builder,
    }
}
