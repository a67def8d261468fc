//! One kept connection to one worker. No request is retried, because the checks need the outcome of
//! each.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use persona_model::EntityTag;

use crate::client::{ServerAddress, ServerStream};

/// Longest wait for an answer: above the 30 s that the server may wait for its turn before it
/// answers 503.
const ANSWER_WAIT_MAX: Duration = Duration::from_mins(1);

/// Sends one request on a new connection.
pub async fn ask(
    server: &ServerAddress,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer, Silence> {
    let mut connection = Connection::open(server).await.map_err(|_| Silence::NotSent)?;
    let request = server.request(method, path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Full::new(body));
    connection.send(request.map_err(|error| Silence::Unknown(error.to_string()))?).await
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// The worker at the other end; 0 until an answer has named it.
    pub worker: u8,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The reason why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// The request was never sent.
    NotSent,
    /// The request was sent, and its outcome is unknown.
    Unknown(String),
}

impl Connection {
    /// Connects to the server.
    pub async fn open(address: &ServerAddress) -> io::Result<Self> {
        let stream = ServerStream::open(address).await?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // The task ends with the connection, which ends when the sender is dropped. Errors are
        // reported to the sender.
        tokio::spawn(driver);
        Ok(Self { sender, worker: 0 })
    }

    /// Whether another request can be sent.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Silence> {
        let answering = async {
            self.sender.ready().await.map_err(|_| Silence::NotSent)?;
            let sent = self.sender.try_send_request(request).await;
            let response = sent.map_err(|mut error| match error.take_message() {
                Some(_) => Silence::NotSent,
                None => Silence::Unknown(error.into_error().to_string()),
            })?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| Silence::Unknown(error.to_string()))?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        let late =
            || Err(Silence::Unknown(format!("no answer within {} s", ANSWER_WAIT_MAX.as_secs())));
        let answer =
            tokio::time::timeout(ANSWER_WAIT_MAX, answering).await.unwrap_or_else(|_| late())?;
        self.worker = answer
            .number("x-persona-worker")
            .and_then(|worker| worker.try_into().ok())
            .unwrap_or_default();
        Ok(answer)
    }
}

impl Connection {
    /// Sends a request with a large answer; returns the head, before the body has arrived.
    pub async fn begin(
        &mut self,
        address: &ServerAddress,
        path: &str,
    ) -> Result<Response<Incoming>, String> {
        self.begin_with(address, path, &[]).await
    }

    /// Sends a request with a large answer, with further headers.
    pub async fn begin_with(
        &mut self,
        address: &ServerAddress,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, String> {
        let request = address.request(Method::GET, path);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::default()).map_err(|error| error.to_string())?;
        self.sender.send_request(request).await.map_err(|error| error.to_string())
    }
}

impl Answer {
    /// A header as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that holds a number.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.text(name)?.parse().ok()
    }

    /// The parts of the entity tag. The tag is opaque to clients; this client may read it, because
    /// it tests the server.
    pub fn tag(&self) -> Option<EntityTag> {
        EntityTag::parse(self.text("etag")?.strip_prefix('"')?.strip_suffix('"')?)
    }
}
