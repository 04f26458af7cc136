//! What components of other toolchains import beside the contract: WASI 0.2, with nothing behind it that a guest may not have.
//!
//! Clocks and randomness are the host's. What is printed becomes lines of the log. There are no arguments, no environment, no
//! input and no files; sockets and the names of hosts are refused to whoever asks.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::{PRINTED_MAX, RANDOM_MAX};
use crate::state::State;

/// Adds it to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // Made when it is first asked for: guests that import only the contract never do.
        let printed = &self.printed;
        let ctx = self.wasi.get_or_insert_with(|| Box::new(nothing(printed)));
        WasiCtxView { ctx, table: &mut self.handles }
    }
}

/// A context in which there is nothing but clocks, randomness and a place to print to.
fn nothing(printed: &Printed) -> WasiCtx {
    WasiCtx::builder()
        .stdout(printed.clone())
        .stderr(printed.clone())
        .max_random_size(RANDOM_MAX.into())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// What a guest has printed, up to [`PRINTED_MAX`] bytes; the rest is let go.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    /// The lines that were printed.
    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = PRINTED_MAX.saturating_sub(printed.len()).min(bytes.len());
        printed.extend_from_slice(&bytes[..room]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_kept_up_to_its_bound_and_the_guest_is_not_told() {
        let printed = Printed::default();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut write = |bytes: &[u8]| Pin::new(&mut printed.clone()).poll_write(&mut context, bytes);
        assert!(matches!(write(b"one\n\ntwo\n"), Poll::Ready(Ok(9))));
        let flood = vec![b'x'; PRINTED_MAX];
        assert!(matches!(write(&flood), Poll::Ready(Ok(PRINTED_MAX))));
        let lines = printed.lines();
        assert_eq!(lines[..2], ["one".to_owned(), "two".to_owned()]);
        assert_eq!(lines.iter().map(|line| line.len() + 1).sum::<usize>(), PRINTED_MAX);
        assert!(printed.lines().is_empty());
    }
}
