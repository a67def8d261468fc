//! The TCP socket, which the supervisor binds once.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind as bind_socket, listen, socket_with,
};
use socket2::{SockFilter, SockRef};

use super::BACKLOG;

/// Binds the address and begins to queue connections.
///
/// # Errors
///
/// The address is in use, is not one of this machine, or needs more rights.
pub fn bind(host: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let address = SocketAddr::new(host, port);
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    // A server that just ended leaves connections in TIME_WAIT, which must not keep the next server
    // from binding the address.
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    bind_socket(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A program of the kernel's packet filter (Linux, `Documentation/networking/filter.rst`) that
/// accepts every TCP packet except the one that asks for a new connection: SYN without ACK (RFC
/// 9293, section 3.1).
const NO_NEW_CONNECTION: [SockFilter; 5] = {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
};

/// Lets no new connection into the queue, so that the queued ones can be served before the last
/// process closes the socket. When the socket is closed, the kernel resets every connection in the
/// queue, although the clients take them for established.
///
/// A client that connects meanwhile gets no answer. Its kernel sends the packet again after a
/// second, as for any lost packet, and the connection is refused then.
///
/// # Errors
///
/// The kernel refuses the filter; the queue then stays open.
pub fn close_queue(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).attach_filter(&NO_NEW_CONNECTION)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::{bind, close_queue};

    #[test]
    fn port_zero_is_chosen_by_the_system_and_an_address_can_be_bound_once() {
        let (_listener, address) = bind([127, 0, 0, 1].into(), 0).expect("a port");
        assert_ne!(address.port(), 0);
        let again = bind(address.ip(), address.port());
        assert_eq!(again.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    }

    #[test]
    fn a_closed_queue_keeps_its_connections_and_takes_no_new_one() {
        let (listener, address) = bind([127, 0, 0, 1].into(), 0).expect("a port");
        let mut queued = TcpStream::connect(address).expect("a connection");
        close_queue(&listener).expect("a filter");
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(200));
        assert_eq!(late.err().map(|error| error.kind()), Some(ErrorKind::TimedOut));
        queued.write_all(b"question").expect("an open connection");
        let (mut accepted, _) = listener.accept().expect("the one in the queue");
        drop(listener);
        let mut question = [0; 8];
        accepted.read_exact(&mut question).expect("what was sent");
        accepted.write_all(b"answer").expect("an open connection");
        drop(accepted);
        let mut answer = String::new();
        queued.read_to_string(&mut answer).expect("an end without a reset");
        assert_eq!((&question, answer.as_str()), (b"question", "answer"));
        let refused = TcpStream::connect_timeout(&address, Duration::from_secs(5));
        assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
    }
}
