//! A server, over TCP.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use persona_http::Body;
use persona_server::exit_code::ExitCode;

use super::address::ServerAddress;
use super::token::bearer;
use crate::failure::Failure;

/// Longest wait for a connection. A running server accepts one at once, also while it is busy.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// A client of one server; connections are kept and shared.
#[derive(Clone)]
pub struct Remote {
    client: Client<HttpConnector, Full<Bytes>>,
    server: ServerAddress,
}

impl Remote {
    /// A client of this server; nothing is sent yet.
    pub fn new(server: ServerAddress) -> Self {
        let mut connector = HttpConnector::new();
        // Without a limit of its own the connector waits as long as the kernel does, which is two
        // minutes for a host that drops every packet.
        connector.set_connect_timeout(Some(CONNECT_WAIT_MAX));
        // Each small request waits for its answer, so Nagle's algorithm would only add latency.
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), server }
    }

    /// Whether its requests carry a token.
    pub fn has_token(&self) -> bool {
        self.server.token.is_some()
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let (mut head, body) = request.into_parts();
        let path = format!("{}{}", self.server.prefix, head.uri);
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.server.authority.clone());
        uri.path_and_query = PathAndQuery::try_from(path).ok();
        if let Some(token) = &self.server.token {
            head.headers.insert(AUTHORIZATION, bearer(token));
        }
        head.uri = Uri::from_parts(uri).expect("scheme, authority and path make a URI");
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await;
        answer.map(|response| response.map(Body::new)).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let mut failure = Failure::new(
            ExitCode::Unavailable,
            format!("could not reach http://{}", self.server.authority),
        );
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            failure = failure.because(error);
            cause = error.source();
        }
        failure.hint("check the address (--server, PERSONA_SERVER) and whether the server runs; `persona serve` starts one")
    }
}
