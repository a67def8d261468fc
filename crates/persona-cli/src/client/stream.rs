//! A connection to a server: over TCP, encrypted or not, or over a unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::address::{ServerAddress, ServerRoute};

/// Longest wait for a connection with its handshake. A running server accepts one at once, also
/// while it is busy.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// One connection: of TCP without encryption, of TLS, or of a unix socket.
#[derive(Debug)]
pub struct ServerStream(Either<TcpStream, Either<Box<TlsStream<TcpStream>>, UnixStream>>);

impl ServerStream {
    /// Connects to the server.
    ///
    /// # Errors
    ///
    /// Nothing listens at the address, or the server could not prove its name.
    pub async fn open(server: &ServerAddress) -> io::Result<Self> {
        // Without this limit a connection waits as long as the kernel does, which is two minutes
        // for a host that drops every packet.
        timeout(CONNECT_WAIT_MAX, Self::connect(server)).await.unwrap_or_else(|_| {
            let message = format!("no connection within {} s", CONNECT_WAIT_MAX.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }

    async fn connect(server: &ServerAddress) -> io::Result<Self> {
        let stream = match &server.route {
            ServerRoute::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                return Ok(Self(Either::Right(Either::Right(stream))));
            }
            ServerRoute::Tcp(host_and_port) => TcpStream::connect(host_and_port).await?,
        };
        // Each small request waits for its answer, so Nagle's algorithm would only add latency.
        stream.set_nodelay(true)?;
        let Some(trust) = &server.trust else { return Ok(Self(Either::Left(stream))) };
        let stream = trust.connect(server.host(), stream).await?;
        Ok(Self(Either::Right(Either::Left(Box::new(stream)))))
    }
}

impl Connection for ServerStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
