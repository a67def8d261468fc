//! The socket of a connection: a TCP or a unix socket.

use std::io;

use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use crate::listen;

/// Most unsent bytes that the system buffers for one connection (`TCP_NOTSENT_LOWAT`, tcp(7)). By
/// default it buffers up to 4 MiB, which no limit of this process counts. Bytes in flight are not
/// counted, so the limit costs no speed. A unix socket keeps about 200 KiB by itself.
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

/// Sets the options of a TCP connection. Errors are ignored, because the connection works without
/// them.
pub(super) fn tune(socket: &Socket) {
    if let Either::Left(stream) = socket {
        // Answers are written in one piece, so waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    }
}

/// Makes the system drop unsent data when the socket is closed. Otherwise it would keep the rest in
/// memory and go on offering it to the client. A unix socket does not do that.
pub(super) fn forget_what_is_unread(socket: &Socket) {
    if let Either::Left(stream) = socket {
        let _ = stream.set_zero_linger();
    }
}
