//! A server, over a network or a unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use persona_http::Body;
use persona_server::exit_code::ExitCode;
use tower_service::Service;

use super::address::ServerAddress;
use super::stream::ServerStream;
use crate::failure::Failure;

/// A client of one server; connections are kept and shared.
#[derive(Clone)]
pub struct Remote {
    client: Client<Connector, Full<Bytes>>,
    server: ServerAddress,
}

/// Makes connections to the server, whatever host the request names.
#[derive(Clone)]
struct Connector(ServerAddress);

impl Service<Uri> for Connector {
    type Response = TokioIo<ServerStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<ServerStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let server = self.0.clone();
        Box::pin(async move { ServerStream::open(&server).await.map(TokioIo::new) })
    }
}

impl Remote {
    /// A client of this server; nothing is sent yet.
    pub fn new(server: ServerAddress) -> Self {
        let connector = Connector(server.clone());
        Self { client: Client::builder(TokioExecutor::new()).build(connector), server }
    }

    /// Whether the requests of this client carry a token.
    pub fn has_token(&self) -> bool {
        self.server.token().is_some()
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let (mut head, body) = request.into_parts();
        let path = format!("{}{}", self.server.prefix, head.uri);
        let mut uri = http::uri::Parts::default();
        // The scheme only serves the library to make the field `Host`; the connector decides about
        // encryption.
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.server.authority.clone());
        uri.path_and_query = PathAndQuery::try_from(path).ok();
        head.uri = Uri::from_parts(uri).expect("scheme, authority and path make a URI");
        if let Some(token) = self.server.token() {
            head.headers.insert(header::AUTHORIZATION, token.header());
        }
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await;
        answer.map(|response| response.map(Body::new)).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let mut failure =
            Failure::new(ExitCode::Unavailable, format!("could not reach {}", self.server));
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            failure = failure.because(error);
            cause = error.source();
        }
        failure.hint(
            "check the address (--server, PERSONA_SERVER) and whether the server runs; \
             `persona serve` starts one",
        )
    }
}
