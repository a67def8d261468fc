//! A small HTTP/1.1 client: one connection for each request, and no decision in the caller's place.
//!
//! The blocking client of `common` is not enough, because these tests send headers and bodies of
//! every kind, many at once.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::both_ways::OtherWay;
use crate::common::declared;

/// A request to be sent.
pub struct Sending {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

impl Sending {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request =
            Request::builder().method(method).uri(path).header("host", address.to_string());
        Self { address, request: request.body(Full::default()).expect("a request") }
    }

    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value.as_ref()).expect("a header value"));
        self
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self.header("content-type", content_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends the request. Fails the test if the OpenAPI document does not declare the answer, or if
    /// a read of one persona is answered differently over its two ways.
    pub async fn send(self) -> Reply {
        let Self { address, request } = self;
        let other_way = OtherWay::ask(address, &request).await;
        let reply = exchange(address, request).await;
        if let Some(other_way) = other_way {
            other_way.compare(&reply).await;
        }
        reply
    }
}

/// Sends a request over a new connection.
pub async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Reply {
    let (method, target) = (request.method().to_string(), request.uri().to_string());
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    drop(sender);
    connection.await.expect("no panic").expect("a clean end");
    let reply = Reply { status: parts.status, headers: parts.headers, body };
    declared::check(
        &method,
        &target,
        reply.status.as_u16(),
        reply.header("content-type"),
        &reply.body,
    );
    reply
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The value of a header that the answer has at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        assert!(self.headers.get_all(name).iter().count() <= 1, "{name} is there more than once");
        self.headers.get(name).map(|value| value.to_str().expect("a text"))
    }

    pub fn etag(&self) -> &str {
        self.header("etag").expect("an entity tag")
    }

    /// The revision in the entity tag. Fails the test unless the tag has the form of all tags,
    /// because clients use tags unchanged.
    #[track_caller]
    pub fn revision(&self) -> u64 {
        let tag = self.etag();
        let parts = tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .and_then(|tag| tag.split_once('-'));
        let (revision, checksum) = parts.unwrap_or_else(|| panic!("{tag} is no entity tag"));
        assert!(
            checksum.len() == 8
                && checksum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{tag}"
        );
        revision.parse().unwrap_or_else(|error| panic!("{error}: {tag}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The problem without the members that follow from its code and from the request; those are
    /// checked here.
    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let Value::Object(mut problem) = self.json() else { panic!("{self:?} is no problem") };
        assert_eq!(
            problem.remove("request_id").as_ref().and_then(Value::as_str),
            self.header("x-request-id")
        );
        assert_eq!(problem.remove("status"), Some(self.status.as_u16().into()));
        assert_eq!(
            problem.remove("type"),
            Some(format!("/api/v1/problems#{}", problem["code"].as_str().expect("a word")).into())
        );
        assert!(problem.remove("title").is_some_and(|title| title.is_string()));
        problem.into()
    }

    /// Status and code of a problem.
    pub fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.problem()["code"].as_str().expect("a word").to_owned())
    }
}

/// Sends these bytes, and reads until the server closes the connection.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(request).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
