//! The beginning of a connection: encrypted where the server has a certificate.
//!
//! During a handshake the connection has its place already, and counts as waiting for its client:
//! when places are short, a slow handshake is the first to make room. So slow handshakes do not
//! block other clients.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::Drain;
use super::pace::Pace;
use super::places::Entry;
use super::socket::Socket;
use super::stream::PatientStream;
use crate::clock::coarse_millis;
use persona_http::Refusal;

/// How long a client may take for a handshake: as long as for a head. A connection of the reserve
/// has two seconds, as for a head.
const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);

/// The first byte of every record that begins a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// The answer to a client that sends an unencrypted request to a port that speaks TLS only.
const NOT_ENCRYPTED: Refusal = Refusal::Malformed(
    "this port speaks TLS, and the request came without it: use https:// in place of http://",
);

/// The certificate of the server in this worker.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    pace: Pace,
}

impl Tls {
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self { config, pace: Pace::new(coarse_millis) }
    }
}

/// The byte stream of a connection: the plain socket (left), or TLS over the socket (right).
///
/// The limit on the wait for a client is below TLS, where the bytes leave the process. TLS itself
/// buffers at most 64 KiB, the default of its library.
pub(super) type Channel = Either<PatientStream, Box<TlsStream<PatientStream>>>;

/// A connection that can be served, and the refusal of its first request, if it is refused.
pub(super) type Opened = (Channel, Option<Refusal>);

/// Begins a connection, encrypted or not as its client begins it. `None` if it failed: the client
/// left, was too slow or sent an invalid handshake, or the place was claimed by another connection.
pub(super) async fn open(
    socket: Socket,
    patience: Duration,
    tls: Option<&Tls>,
    entry: &Entry,
    mut drain: Drain,
) -> Option<Opened> {
    // A unix socket does not leave the machine, so there is nothing to encrypt.
    let (tls, stream) = match (tls, socket) {
        (Some(tls), Either::Left(stream)) => (tls, stream),
        (_, socket) => return Some((Either::Left(PatientStream::new(socket, patience)), None)),
    };
    entry.progress.wait_for_handshake();
    let opened = tokio::select! {
        opened = timeout(HANDSHAKE_WAIT_MAX, begin(stream, patience, tls, entry)) => {
            opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        () = told_to_close(entry) => Err(io::Error::other("its place was wanted")),
        () = drain.closing() => Err(io::Error::other("the worker ends")),
    };
    entry.progress.handshake_is_over();
    opened.inspect_err(|error| tracing::debug!(error = %error, "a handshake came to nothing")).ok()
}

async fn told_to_close(entry: &Entry) {
    while !entry.is_to_close() {
        entry.asked().await;
    }
}

async fn begin(
    stream: TcpStream,
    patience: Duration,
    tls: &Tls,
    entry: &Entry,
) -> io::Result<Opened> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let stream = PatientStream::new(Either::Left(stream), patience);
    if first != [HANDSHAKE] {
        return Ok((Either::Left(stream), Some(NOT_ENCRYPTED)));
    }
    let stream = encrypt(stream, tls, entry).await?;
    Ok((Either::Right(Box::new(stream)), None))
}

async fn encrypt(
    stream: PatientStream,
    tls: &Tls,
    entry: &Entry,
) -> io::Result<TlsStream<PatientStream>> {
    // The pace is checked after the client's hello: until then a handshake costs nearly nothing,
    // but the answer to the hello needs a signature.
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    if let Some(client) = entry.client_alone() {
        sleep(tls.pace.count(client)).await;
    }
    hello.into_stream(Arc::clone(&tls.config)).await
}
