//! How the pool makes connections, and when it takes one back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool::managed::{self, Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::abandoned::AbandonedConnections;
use super::driver_error::DriverError;
use super::hosts::{Driven, Hosts};
use crate::Connected;
use crate::observer::Counted;

/// A connection of the pool.
pub(super) type PooledConnection = managed::Object<ConnectionManager>;
/// Why the pool gives no connection, or a read on one failed.
pub(super) type PoolError = managed::PoolError<DriverError>;

/// Makes connections that live on the runtime of the I/O thread, whichever runtime asks for them.
pub(super) struct ConnectionManager {
    pub config: Config,
    pub abandoned: Arc<AbandonedConnections>,
    pub tls: MakeRustlsConnect,
    pub hosts: Arc<Hosts>,
    /// How often the server reported that it stopped waiting for a standby.
    pub unreplicated: Arc<AtomicU64>,
}

impl Manager for ConnectionManager {
    type Type = ClientWrapper;
    type Error = DriverError;

    async fn create(&self) -> Result<ClientWrapper, DriverError> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let (hosts, unreplicated) = (Arc::clone(&self.hosts), Arc::clone(&self.unreplicated));
        let abandoned = Arc::clone(&self.abandoned);
        let made = self.abandoned.io_thread.spawn(async move {
            if abandoned.is_full() {
                tracing::debug!("no new connection: the server has not answered on too many");
                return Err(DriverError::Silent);
            }
            let (client, connection) = hosts.connect(&config, &tls).await?;
            let open = Counted::begin(&abandoned.observer, Connected::Open);
            let driven = tokio::spawn(drive(connection, unreplicated, open));
            if abandoned.fills_the_server(&client).await {
                tracing::debug!("no new connection: too many commits of ours wait for a standby");
                return Err(DriverError::Silent);
            }
            Ok(ClientWrapper::new(client, driven))
        });
        match made.await {
            Ok(made) => made,
            // The store was closed meanwhile. A request that still waits has a limit.
            Err(_) => std::future::pending().await,
        }
    }

    async fn recycle(&self, client: &mut ClientWrapper, _: &Metrics) -> RecycleResult<DriverError> {
        if client.is_closed() { Err(RecycleError::message("it is closed")) } else { Ok(()) }
    }
}

/// Drives a connection until it ends. It counts as open as long as this runs.
async fn drive(mut connection: Driven, unreplicated: Arc<AtomicU64>, _open: Counted) {
    while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await
    {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                // The text of the notice depends on the server's language; the name of the routine
                // does not.
                if notice.routine() == Some("SyncRepWaitForLSN") {
                    unreplicated.fetch_add(1, Ordering::Release);
                }
                tracing::debug!(code = notice.code().code(), "the database has a notice");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "a connection to the database broke");
                break;
            }
        }
    }
}
