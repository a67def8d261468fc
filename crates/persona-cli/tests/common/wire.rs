//! How a test reaches a server: over TCP, encrypted or not, or over a unix socket.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::SockRef;

use super::Client;

/// The address of a server, and how connections to it work.
#[derive(Clone)]
pub enum Way {
    /// Over TCP, not encrypted.
    Plain(SocketAddr),
    /// Over TCP, encrypted.
    Encrypted(SocketAddr, Arc<ClientConfig>),
    /// Over a unix socket.
    Unix(PathBuf),
}

impl Way {
    /// A new connection.
    pub fn connect(&self) -> io::Result<Client> {
        match self {
            Self::Plain(address) => Client::connect(*address),
            Self::Unix(path) => Client::over(Wire::Unix(UnixStream::connect(path)?)),
            Self::Encrypted(address, trust) => {
                let stream = TcpStream::connect(address)?;
                let name = ServerName::try_from("localhost").expect("a name");
                let session =
                    ClientConnection::new(Arc::clone(trust), name).map_err(io::Error::other)?;
                Client::over(Wire::Encrypted(Box::new(StreamOwned::new(session, stream))))
            }
        }
    }
}

/// The settings of a client that trusts the authority in this file.
pub fn trust_in(authority: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("a certificate");
    roots.add(certificate).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the usual versions");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// A connection of either kind.
pub enum Wire {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl Wire {
    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Plain(stream) => SockRef::from(stream),
            Self::Encrypted(stream) => SockRef::from(&stream.sock),
            Self::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Sets the longest wait for bytes.
    pub fn set_patience(&self, time_max: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(time_max))?;
        self.socket().set_write_timeout(Some(time_max))
    }

    /// Closes the sending half.
    pub fn close_its_half(&self) -> io::Result<()> {
        self.socket().shutdown(Shutdown::Write)
    }

    /// How many bytes wait to be read. Does not wait for any.
    pub fn peek(&self) -> io::Result<usize> {
        self.socket().set_nonblocking(true)?;
        let peeked = self.socket().peek(&mut [MaybeUninit::uninit()]);
        self.socket().set_nonblocking(false)?;
        peeked
    }

    /// Makes the connection send small messages at once.
    pub fn send_at_once(&self) -> io::Result<()> {
        match self {
            Self::Unix(_) => Ok(()),
            _ => self.socket().set_tcp_nodelay(true),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Encrypted(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Encrypted(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}
