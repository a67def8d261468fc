//! The address that the server listens on: bound once, by the supervisor, and inherited by every worker.
//!
//! One socket for all workers, rather than one each: connections that wait in its queue belong to nobody yet, so none
//! is lost when a worker ends, and a new worker finds them at once.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind as bind_socket, listen, socket_with};

/// Connections that may wait to be accepted. The kernel lowers it to `net.core.somaxconn`, 4,096 by default.
const BACKLOG: i32 = 1024;

/// Where the server can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address(pub SocketAddr);

impl Address {
    /// The URL to visit. For a wildcard address, which nobody can visit, that of the machine itself.
    pub fn url(self) -> String {
        let ip = match self.0.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.0.port()))
    }
}

/// Binds the address and begins to queue connections.
///
/// # Errors
///
/// The address is in use, is not one of this machine, or needs more rights.
pub fn bind(host: IpAddr, port: u16) -> io::Result<(TcpListener, Address)> {
    let address = SocketAddr::new(host, port);
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    // A server that was just ended leaves connections in TIME_WAIT; they must not keep the next one from starting.
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    bind_socket(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = Address(listener.local_addr()?);
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::{Address, bind};

    #[test]
    fn port_zero_is_chosen_by_the_system_and_an_address_can_be_bound_once() {
        let (_listener, Address(address)) = bind([127, 0, 0, 1].into(), 0).expect("a port");
        assert_ne!(address.port(), 0);
        let again = bind(address.ip(), address.port());
        assert_eq!(again.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    }

    #[test]
    fn the_url_of_a_wildcard_address_can_be_visited() {
        let url = |text: &str| Address(text.parse().expect("an address")).url();
        assert_eq!(url("0.0.0.0:8000"), "http://127.0.0.1:8000");
        assert_eq!(url("[::]:8000"), "http://[::1]:8000");
        assert_eq!(url("192.0.2.7:80"), "http://192.0.2.7:80");
    }
}
