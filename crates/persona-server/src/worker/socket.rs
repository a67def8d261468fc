//! The socket of a connection: of TCP, or a unix socket.

use std::io;

use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use crate::listen;

/// Most bytes that the system keeps of one connection and has not sent yet (`TCP_NOTSENT_LOWAT`,
/// tcp(7)). It would take up to 4 MiB, outside of what this process can bound; bytes that are on
/// their way are not counted, so it costs no speed. A unix socket keeps about 200 KiB by itself.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// A connection in the runtime of its thread: of TCP on the left, of a unix socket on the right.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// Puts an accepted connection into the runtime of this thread.
pub(super) fn in_runtime(socket: listen::TakenSocket) -> io::Result<Socket> {
    match socket {
        listen::TakenSocket::Tcp(stream) => TcpStream::from_std(stream).map(Either::Left),
        listen::TakenSocket::Unix(stream) => UnixStream::from_std(stream).map(Either::Right),
    }
}

/// Sets what a connection of this server has, where its socket has it too. It works without.
pub(super) fn tune(socket: &Socket) {
    if let Either::Left(stream) = socket {
        // Answers are written in one piece, so waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    }
}

/// Has the system forget what the other end has not read. Without it the system would go on
/// offering the rest to the client, and keep it meanwhile; on a unix socket it does not.
pub(super) fn forget_what_is_unread(socket: &Socket) {
    if let Either::Left(stream) = socket {
        let _ = stream.set_zero_linger();
    }
}
