//! A server to test against: the built program with two workers on a database of its own.
//!
//! Every request goes over a new connection, so that a write and the read that follows it mostly
//! meet different workers.

use serde_json::{Value, json};

use crate::common;
use crate::http::client::{Reply, Sending};

/// A running server with an empty store of its own. Dropping this ends the server.
pub struct Server {
    process: common::Server,
}

impl Server {
    pub fn start() -> Self {
        Self { process: common::Server::with_workers(2).flag("--expose-worker").start() }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.process.address()
    }

    pub fn send(&self, method: &str, path: &str) -> Sending {
        Sending::new(self.address(), method, path)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path).send().await
    }

    pub async fn post(&self, body: &Value) -> Reply {
        self.send("POST", "/api/v1/personas").json(body).send().await
    }

    /// Creates a persona with this name and returns its path.
    pub async fn persona(&self, name: &str) -> String {
        self.persona_with(&json!({ "name": name })).await
    }

    /// Creates a persona with this document and returns its path.
    pub async fn persona_with(&self, document: &Value) -> String {
        let reply = self.post(document).await;
        assert_eq!(reply.status, 201, "{}", reply.json());
        reply.header("location").expect("a location").to_owned()
    }

    /// Deletes the persona at this path.
    /// The entity tag of a persona as it is now, also of a deleted one.
    pub async fn tag(&self, path: &str) -> String {
        self.get(path).await.etag().to_owned()
    }

    pub async fn delete(&self, path: &str) {
        assert_eq!(self.send("DELETE", path).header("if-match", "*").send().await.status, 204);
    }
}

/// The path of a persona that never existed.
pub const ABSENT: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";
