//! Where connections come in: an address of the network, or the file of a Unix socket.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// Bytes of a client, in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection, whatever it is made of.
pub(super) type Wire = Box<dyn Duplex>;

/// A bound socket.
pub enum Socket {
    /// Of the network.
    Tcp(TcpListener),
    /// Of this machine.
    Unix(UnixListener, File),
}

/// The file of a Unix socket; it goes with the value.
pub struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Socket {
    /// Listens at a file that is not there yet, or is a socket that nobody listens at any more.
    pub fn at_file(path: &Path, mode: u32) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
            }
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let file = File(path.to_owned());
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(Self::Unix(listener, file))
    }

    /// Where clients find it.
    pub fn address(&self, tls: bool) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => {
                let scheme = if tls { "https" } else { "http" };
                Ok(format!("{scheme}://{}", listener.local_addr()?))
            }
            Self::Unix(_, file) => Ok(format!("unix://{}", file.0.display())),
        }
    }

    /// The next connection, and where it came from: for a Unix socket, this machine.
    pub(super) async fn accept(&self) -> io::Result<(Wire, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection without TCP_NODELAY");
                }
                Ok((Box::new(stream), peer))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }
}
