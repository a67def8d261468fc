//! A listening socket, and a connection that was taken from its queue.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_peercred};

use persona_http::ClientAddress;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// A TCP socket, for clients of this machine or others.
    Tcp(TcpListener),
    /// A unix socket, for programs of this machine.
    Unix(UnixListener),
}

/// A connection as the system returns it.
#[derive(Debug)]
pub enum TakenSocket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Within this machine.
    Unix(UnixStream),
}

impl Listener {
    /// Takes over a descriptor as a listener of the right kind.
    ///
    /// # Errors
    ///
    /// The descriptor is no listening socket, or one of a kind that is not served.
    pub fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let refused =
            |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
        match socket_acceptconn(&descriptor) {
            Err(rustix::io::Errno::NOTSOCK) => return refused("it is no socket"),
            Err(error) => return Err(error.into()),
            Ok(false) => return refused("the socket does not wait for connections"),
            Ok(true) => {}
        }
        let family = socket_domain(&descriptor)?;
        // The socket must not block: all workers are woken for a connection, and only one of them
        // gets it.
        fcntl_setfl(&descriptor, fcntl_getfl(&descriptor)? | OFlags::NONBLOCK)?;
        match family {
            AddressFamily::INET | AddressFamily::INET6 => Ok(Self::Tcp(descriptor.into())),
            AddressFamily::UNIX => Ok(Self::Unix(descriptor.into())),
            _ => refused("it is neither a socket of TCP nor a unix socket"),
        }
    }

    /// Another descriptor of the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }

    /// Takes a connection from the queue, with the address by which limits for each client count.
    /// For a unix socket this is an address that stands for the user.
    pub fn accept(&self) -> io::Result<(TakenSocket, IpAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((TakenSocket::Tcp(stream), peer.ip()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                let user = socket_peercred(&stream)?.uid.as_raw();
                Ok((TakenSocket::Unix(stream), ClientAddress::of_user(user).0))
            }
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::{Listener, TakenSocket};
    use persona_http::ClientAddress;

    #[test]
    fn only_a_socket_that_waits_for_connections_is_one() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(matches!(Listener::from_descriptor(tcp.into()), Ok(Listener::Tcp(_))));
        let refused = [
            UdpSocket::bind("127.0.0.1:0").expect("a port").into(),
            UnixStream::pair().expect("a pair").0.into(),
            std::fs::File::open("/dev/null").expect("a file").into(),
        ];
        for descriptor in refused {
            let error = Listener::from_descriptor(descriptor).expect_err("no listener");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }

    #[test]
    fn the_client_of_a_unix_socket_is_its_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let listener = Listener::from_descriptor(listener.into()).expect("a listener");
        assert_eq!(listener.accept().expect_err("no client").kind(), ErrorKind::WouldBlock);
        let _client = UnixStream::connect(&path).expect("it listens");
        let (socket, peer) = listener.accept().expect("a connection");
        assert!(matches!(socket, TakenSocket::Unix(_)));
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(peer, ClientAddress::of_user(own).0);
    }
}
