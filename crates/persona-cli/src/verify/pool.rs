//! A pool of connections by worker, through which clients reach a certain worker.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use persona_http::contract::OperationId;

use super::connection::Connection;
use crate::client::ServerAddress;

/// Spare connections kept for each worker.
const SPARE_MAX: usize = 64;
/// Most new connections that are opened to reach a certain worker; the system decides which worker
/// accepts a connection.
const ATTEMPTS_MAX: usize = 6;

/// Spare connections.
#[derive(Debug)]
pub struct Pool {
    address: ServerAddress,
    spare: Mutex<HashMap<u8, Vec<Connection>>>,
}

impl Pool {
    /// An empty pool.
    pub fn new(address: ServerAddress) -> Self {
        Self { address, spare: Mutex::default() }
    }

    /// A connection to this worker; `None` when none could be made, for example because the worker
    /// is just being replaced.
    pub async fn take(&self, worker: u8) -> Option<Connection> {
        if let Some(connection) = self.take_spare(worker) {
            return Some(connection);
        }
        for _ in 0..ATTEMPTS_MAX {
            let mut connection = Connection::open(&self.address).await.ok()?;
            let request = self
                .address
                .request(Method::GET, OperationId::GetHealth.path())
                .body(Full::<Bytes>::default());
            connection.send(request.ok()?).await.ok()?;
            if connection.worker == worker {
                return Some(connection);
            }
            self.put_back(connection);
        }
        None
    }

    fn take_spare(&self, worker: u8) -> Option<Connection> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = spare.get_mut(&worker)?;
        spare.retain(Connection::is_open);
        spare.pop()
    }

    /// Drops all connections, because the server was killed.
    pub fn clear(&self) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Keeps a connection for the next client that needs it.
    pub fn put_back(&self, connection: Connection) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = spare.entry(connection.worker).or_default();
        if connection.is_open() && spare.len() < SPARE_MAX {
            spare.push(connection);
        }
    }
}
