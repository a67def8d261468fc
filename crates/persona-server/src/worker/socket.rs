//! The socket of a connection: of TCP, or a unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::listen;

/// Most bytes that the system keeps of one connection and has not sent yet (`TCP_NOTSENT_LOWAT`,
/// tcp(7)). It would take up to 4 MiB, outside of what this process can bound; bytes that are on
/// their way are not counted, so it costs no speed. A unix socket keeps about 200 KiB by itself.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// A connection in the runtime of its thread.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl TryFrom<listen::TakenSocket> for Socket {
    type Error = io::Error;

    fn try_from(socket: listen::TakenSocket) -> io::Result<Self> {
        match socket {
            listen::TakenSocket::Tcp(stream) => TcpStream::from_std(stream).map(Self::Tcp),
            listen::TakenSocket::Unix(stream) => UnixStream::from_std(stream).map(Self::Unix),
        }
    }
}

impl Socket {
    /// Sets what a connection of this server has, where its socket has it too. It works without.
    pub fn tune(&self) {
        if let Self::Tcp(stream) = self {
            // Answers are written in one piece, so waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
        }
    }

    /// Has the system forget what its other end has not read. Without it the system would go on
    /// offering the rest to the client, and keep it meanwhile; on a unix socket it does not.
    pub fn forget_what_is_unread(&self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
