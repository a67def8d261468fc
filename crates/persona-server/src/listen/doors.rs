//! The sockets of a server: those that were handed over, a unix socket, a TCP socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use super::unix::{self, NoUnixSocket, SocketFile};
use super::{Inherited, Listener, tcp};
use crate::config::Config;
use crate::tls::Certificates;

/// An address at which the server can be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// An address of TCP.
    Tcp {
        /// Address and port.
        socket: SocketAddr,
        /// Whether connections are encrypted.
        is_encrypted: bool,
    },
    /// The path of a unix socket; empty for a socket without a name.
    Unix(PathBuf),
}

/// The sockets through which clients connect.
pub struct Doors {
    /// The sockets, in the order of their addresses.
    pub listeners: Vec<Listener>,
    /// The address of each socket.
    pub addresses: Vec<Address>,
    /// The certificate, where connections over TCP are encrypted.
    pub certificates: Option<Certificates>,
    /// The TCP socket that this process made. Its queue is closed at the end. Sockets that were
    /// handed over belong to the program that made them and stay open.
    own_tcp: Option<TcpListener>,
    /// The file of the unix socket that this process made.
    name: Option<SocketFile>,
}

/// The reason why a socket of the server cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each one means")]
pub enum NoDoor {
    #[error("could not listen on {address}: {source}")]
    Tcp { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Unix(#[from] NoUnixSocket),
    #[error("descriptor {number} was not handed over: {source}")]
    NotInherited { number: u32, source: io::Error },
}

impl Address {
    /// The URL to visit. A wildcard address cannot be visited; its URL is that of loopback.
    pub fn url(&self) -> String {
        let (socket, is_encrypted) = match self {
            Self::Tcp { socket, is_encrypted } => (socket, is_encrypted),
            Self::Unix(path) => return format!("unix:{}", path.display()),
        };
        let scheme = if *is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", on_this_machine(*socket))
    }
}

/// Where a program on this machine reaches the server that listens here. A socket of all addresses
/// is reached over loopback of its own family, because one of IPv6 takes no connections of IPv4.
pub fn on_this_machine(socket: SocketAddr) -> SocketAddr {
    let ip = match socket.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, socket.port())
}

impl Doors {
    /// Makes the sockets of the settings and takes over those that were handed over. A TCP socket
    /// is made if there is no other socket, or if the settings choose its address.
    ///
    /// # Errors
    ///
    /// One of the sockets cannot be used; those that were made are closed again.
    pub fn open(
        config: &Config,
        inherited: &Inherited,
        certificates: Option<Certificates>,
    ) -> Result<Self, NoDoor> {
        let mut doors = Self {
            listeners: Vec::new(),
            addresses: Vec::new(),
            certificates,
            own_tcp: None,
            name: None,
        };
        let handed_over =
            inherited.take().map_err(|(number, source)| NoDoor::NotInherited { number, source })?;
        for listener in handed_over {
            doors.add(listener)?;
        }
        if let Some(wanted) = &config.uds {
            let (listener, name) = unix::make(wanted)?;
            doors.listeners.push(Listener::Unix(listener));
            doors.addresses.push(Address::Unix(name.path().into()));
            doors.name = Some(name);
        }
        if doors.listeners.is_empty() || config.is_tcp_chosen {
            let address = SocketAddr::new(config.host, config.port);
            let failed = |source| NoDoor::Tcp { address, source };
            let (listener, socket) = tcp::bind(config.host, config.port).map_err(failed)?;
            doors.own_tcp = Some(listener.try_clone().map_err(failed)?);
            doors.listeners.push(Listener::Tcp(listener));
            let is_encrypted = doors.certificates.is_some();
            doors.addresses.push(Address::Tcp { socket, is_encrypted });
        }
        Ok(doors)
    }

    /// Adds a socket that was handed over.
    fn add(&mut self, listener: Listener) -> Result<(), NoDoor> {
        let address = match &listener {
            Listener::Tcp(listener) => {
                let unknown = |source| NoDoor::Tcp { address: ([0, 0, 0, 0], 0).into(), source };
                let socket = listener.local_addr().map_err(unknown)?;
                Address::Tcp { socket, is_encrypted: self.certificates.is_some() }
            }
            Listener::Unix(listener) => {
                let name = listener.local_addr().ok();
                let path = name.as_ref().and_then(|name| name.as_pathname());
                Address::Unix(path.map_or_else(PathBuf::new, Into::into))
            }
        };
        self.listeners.push(listener);
        self.addresses.push(address);
        Ok(())
    }

    /// The first address that other machines may reach.
    pub fn exposed(&self) -> Option<IpAddr> {
        let of_tcp = |address: &Address| match address {
            Address::Tcp { socket, .. } => Some(socket.ip()),
            Address::Unix(_) => None,
        };
        let mut addresses = self.addresses.iter().filter_map(of_tcp);
        addresses.find(|address| !address.to_canonical().is_loopback())
    }

    /// Accepts no new connection and closes the sockets of this process. Workers still serve the
    /// connections that wait in the queues.
    ///
    /// # Errors
    ///
    /// The queue of TCP cannot be closed; the sockets are closed nevertheless.
    pub fn close(&mut self) -> io::Result<()> {
        self.name = None;
        self.listeners.clear();
        self.own_tcp.take().map_or(Ok(()), |listener| tcp::close_queue(&listener))
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn the_url_of_an_address_can_be_visited() {
        let at = |text: &str, is_encrypted| {
            Address::Tcp { socket: text.parse().expect("an address"), is_encrypted }.url()
        };
        assert_eq!(at("0.0.0.0:8000", false), "http://127.0.0.1:8000");
        assert_eq!(at("[::]:8000", false), "http://[::1]:8000");
        assert_eq!(at("192.0.2.7:80", false), "http://192.0.2.7:80");
        assert_eq!(at("192.0.2.7:80", true), "https://192.0.2.7:80");
        assert_eq!(Address::Unix("/run/persona.sock".into()).url(), "unix:/run/persona.sock");
    }
}
