//! A server, over TCP.

use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use persona_http::Body;

use crate::commands::failure::Failure;
use persona_server::exit_code::ExitCode;

/// Where every route of the API begins.
const API_PREFIX: &str = "/api/v1";
/// Longest wait for a connection. A server that is there takes one at once, also while it is busy.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// A client of one server; connections are kept and shared.
#[derive(Clone)]
pub struct Remote {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    prefix: String,
}

impl Remote {
    /// A client of the server with this URL; nothing is sent yet.
    pub fn new(url: &str) -> Result<Self, Failure> {
        let (authority, prefix) = parse_url(url)?;
        let mut connector = HttpConnector::new();
        // A host that drops what is sent to it would else be waited for by the kernel's patience,
        // two minutes.
        connector.set_connect_timeout(Some(CONNECT_WAIT_MAX));
        // Requests are small and each waits for its answer; Nagle's algorithm would only add
        // waiting.
        connector.set_nodelay(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            authority,
            prefix,
        })
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let (mut head, body) = request.into_parts();
        let path = format!("{}{}", self.prefix, head.uri);
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = PathAndQuery::try_from(path).ok();
        head.uri = Uri::from_parts(uri).expect("scheme, authority and path make a URI");
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await;
        answer.map(|response| response.map(Body::new)).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let mut failure = Failure::new(
            ExitCode::Unavailable,
            format!("could not reach http://{}", self.authority),
        );
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            failure = failure.because(error);
            cause = error.source();
        }
        failure.hint("check the address (--server, PERSONA_SERVER) and whether the server runs; `persona serve` starts one")
    }
}

/// The host and port that a URL names, and what its paths begin with.
pub fn parse_url(url: &str) -> Result<(Authority, String), Failure> {
    let usage = |message: String| {
        Failure::new(ExitCode::Usage, message).hint("write it like http://127.0.0.1:8000")
    };
    let full = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
    let uri: Uri = full.parse().map_err(|_| usage(format!("{url:?} is no URL of a server")))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            let hint = "use a tunnel or a proxy on this machine that speaks http://";
            return Err(Failure::new(ExitCode::Usage, "https:// is not available in this version")
                .hint(hint));
        }
        _ => return Err(usage(format!("{url:?} must begin with http://"))),
    }
    let authority =
        uri.authority().cloned().ok_or_else(|| usage(format!("{url:?} names no host")))?;
    let prefix = uri.path().trim_end_matches('/').to_string();
    if let Some(base) = prefix.strip_suffix(API_PREFIX) {
        let message =
            format!("{url:?} is the address of the API, and the one of the server is wanted");
        return Err(Failure::new(ExitCode::Usage, message)
            .hint(format!("write it like http://{authority}{base}")));
    }
    Ok((authority, prefix))
}
