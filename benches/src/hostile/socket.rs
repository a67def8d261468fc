//! Connections from a chosen address, one or many.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// Longest wait of a hostile client, so that the client ends soon after it was told to.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The result of a look at a connection that does not block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// So many bytes came.
    Bytes(usize),
    Nothing,
    /// The connection is closed.
    End,
}

/// The address of hostile client `number`: an address of the loopback network, and never the
/// victim's.
pub fn address_of(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 66, 0, number))
}

/// A connection of hostile client `number`.
pub fn connected(server: SocketAddr, number: u8) -> Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(address_of(number), 0))?;
    connect(&socket, &server)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    Ok(stream)
}

/// Many connections of one client. One thread looks at them in turn, and none makes the thread
/// wait.
pub fn crowd(server: SocketAddr, number: u8, count: usize) -> Vec<Option<TcpStream>> {
    (0..count).map(|_| quiet(server, number)).collect()
}

/// A connection that does not block; `None` where the server accepts none at the moment.
pub fn quiet(server: SocketAddr, number: u8) -> Option<TcpStream> {
    let stream = connected(server, number).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// Reads the bytes that have come, without waiting for more.
pub fn came(stream: &mut TcpStream) -> Came {
    match stream.read(&mut [0; 16 * 1024]) {
        Ok(0) => Came::End,
        Ok(bytes) => Came::Bytes(bytes),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Came::Nothing,
        Err(_) => Came::End,
    }
}

/// Sends as much as the system takes at once, and drops the rest; false when the connection is
/// gone.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    match stream.write_all(bytes) {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Lets this process and the servers that it starts have as many descriptors as the system allows.
pub fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where the limit cannot be raised, an attack has fewer connections, and still more than the
    // server has places.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
