//! The API over a file or over the network; everything above it speaks HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use persona_http::Body;
use persona_server::config::Config;
use persona_server::exit_code::ExitCode;
use serde_json::Value;

use super::address::ServerAddress;
use super::local::Local;
use super::remote::Remote;
use super::reply::Reply;
use super::request::request;
use crate::failure::Failure;

/// Longest wait for the head of an answer. A write waits at most for the server's busy timeout,
/// which is 30 s unless it was set.
const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(90);

/// The API of one store.
#[derive(Clone)]
pub enum Api {
    /// The router in this process, over a database.
    Local(Local),
    /// A server.
    Remote(Box<Remote>),
}

impl Api {
    /// Opens the database of the settings in this process; `writes` tells whether the command
    /// writes.
    pub fn local(config: &Config, writes: bool) -> Result<Self, Failure> {
        Local::open(config, writes).map(Self::Local)
    }

    /// A client of a server; nothing is sent yet.
    pub fn remote(server: ServerAddress) -> Self {
        Self::Remote(Box::new(Remote::new(server)))
    }

    /// Sends a request and returns the answer as a stream.
    pub async fn stream(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let answer = async {
            match self {
                Self::Local(local) => Ok(local.send(request).await),
                Self::Remote(remote) => remote.send(request).await,
            }
        };
        tokio::time::timeout(RESPONSE_WAIT_MAX, answer).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", RESPONSE_WAIT_MAX.as_secs());
            Err(Failure::new(ExitCode::Unavailable, message)
                .hint("ask `persona health` whether the server is ready"))
        })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Reply, Failure> {
        Reply::read(self.stream(request).await?).await
    }

    /// Reads a resource.
    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send(request(Method::GET, path, &[], None)).await
    }

    /// Sends a request that changes something; the headers are conditions such as `If-Match`.
    pub async fn write(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, String)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        self.send(request(method, path, headers, body)).await
    }

    /// Whether requests carry a token, which names their author.
    pub fn has_token(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Remote(remote) => remote.has_token(),
        }
    }

    /// Finishes accepted writes, and closes a database that was opened in this process.
    pub async fn close(self) {
        if let Self::Local(local) = self {
            local.close().await;
        }
    }
}
