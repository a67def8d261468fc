//! Reserves a port for a program that takes the number of a port and no open socket, such as
//! PostgreSQL.
//!
//! A port that the system chose can be given to another program before the first one listens on it,
//! and again while a server is stopped. So the ports here are below the range from which the system
//! chooses, and each is reserved among the test programs of this machine as long as its value
//! lives.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Lowest port to choose; ports below it belong to well-known services.
const LOWEST: u16 = 10_000;

/// A reserved port of the loopback interface.
pub struct Port {
    number: u16,
    /// A socket with an abstract name, which only one socket of the machine can have at a time. The
    /// reservation ends with the process at the latest.
    _reserved: UnixListener,
}

impl Port {
    /// Reserves a port on which nothing listens.
    pub fn reserve() -> Self {
        (LOWEST..lowest_of_the_system()).find_map(Self::of).expect("a free port")
    }

    fn of(number: u16) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("persona-test-port-{number}"))
            .expect("a short name");
        let reserved = UnixListener::bind_addr(&name).ok()?;
        // A program that is no test can listen on the port, or a server that is just ending.
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self { number, _reserved: reserved })
    }

    /// The number of the port.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// The lowest port of the range from which the system chooses ports.
fn lowest_of_the_system() -> u16 {
    let range =
        fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("a mounted /proc");
    range.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
