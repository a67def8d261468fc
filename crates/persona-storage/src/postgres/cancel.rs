//! Asks the server to end what a connection is busy with.
//!
//! The driver closes the connection of such a request as soon as it is written. A server has read
//! it by then; a pooler, which still has to connect for it, takes the end for a client that has
//! left, and passes nothing on (pgbouncer 1.18: "client unexpected eof"). libpq waits until the
//! other side closes (`PQcancel`), and so does this.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url_parameters::CONNECT_WAIT_MAX;

/// The address for requests to cancel, and their encryption.
pub(super) struct Cancels {
    driver: Config,
    tls: MakeRustlsConnect,
}

impl Cancels {
    pub(super) fn new(driver: Config, tls: MakeRustlsConnect) -> Self {
        Self { driver, tls }
    }

    /// Sends the request, and waits a bounded time until it was taken.
    pub(super) async fn ask(&self, client: &Client) {
        let asked = tokio::time::timeout(CONNECT_WAIT_MAX, self.send(client)).await;
        if !matches!(asked, Ok(Ok(()))) {
            tracing::debug!("the server could not be asked to end a read");
        }
    }

    async fn send(&self, client: &Client) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let token = client.cancel_token();
        // Of several hosts the driver knows which one it is connected to, and does not tell; a
        // socket of this machine leads to a server.
        let Some((name, port)) = self.only_host() else {
            return Ok(token.cancel_query(self.tls.clone()).await?);
        };
        let address = self
            .driver
            .get_hostaddrs()
            .first()
            .map_or_else(|| name.to_owned(), ToString::to_string);
        let stream = Patient(TcpStream::connect((address, port)).await?);
        let tls = MakeTlsConnect::<Patient>::make_tls_connect(&mut self.tls.clone(), name)?;
        Ok(token.cancel_query_raw(stream, tls).await?)
    }

    fn only_host(&self) -> Option<(&str, u16)> {
        match self.driver.get_hosts() {
            [Host::Tcp(name)] => {
                Some((name, self.driver.get_ports().first().copied().unwrap_or(5432)))
            }
            _ => None,
        }
    }
}

/// A connection that is not closed before the other side has closed it.
struct Patient(TcpStream);

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut rest = [0; 64];
            let mut buffer = ReadBuf::new(&mut rest);
            let read = ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer));
            // A connection that breaks is closed too.
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
