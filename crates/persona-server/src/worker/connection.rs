//! One connection of a worker, from its first request to its close.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, Uri};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use persona_http::Body;
use tokio_util::either::Either;

use super::Drain;
use super::handshake::{self, Tls};
use super::places::{Entry, Lease};
use super::socket::Socket;
use crate::heads::{Checked, Hosts};
use crate::scoreboard::ProcessEntry;
use persona_http::contract::OperationId;
use persona_http::contract::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use persona_http::{ClientAddress, Network, PlainReads, Refusal, TokenNote};

/// What every connection of a worker shares.
pub(super) struct Serving {
    pub router: persona_http::Router,
    /// The fast path of plain reads, which is tried before the router; `None` for PostgreSQL, where
    /// every read must wait.
    pub plain_reads: Option<PlainReads>,
    pub process_entry: ProcessEntry,
    pub drain: Drain,
    /// The hosts for which the worker answers over TCP.
    pub hosts: Hosts,
    /// The hosts for which the worker answers over a unix socket.
    pub hosts_of_unix: Hosts,
    /// Proxies that may name the client of a request.
    pub trusted_proxies: Arc<[Network]>,
    /// How long the server waits for a client that does not read.
    pub answer_patience: Duration,
    /// The prefix that a proxy puts in front of every path; mostly empty.
    pub root_path: Arc<str>,
    /// The certificate, where connections are encrypted.
    pub tls: Option<Tls>,
}

/// The paths of health checks, which are answered on a connection of the reserve too.
const OF_HEALTH: [&str; 2] = [OperationId::GetHealth.path(), OperationId::GetReadiness.path()];

/// Serves a connection until either side closes it.
pub(super) async fn serve(socket: Socket, peer: IpAddr, lease: Lease, serving: Arc<Serving>) {
    let entry = &lease.entry;
    let (mut drain, patience) = (serving.drain.clone(), serving.answer_patience);
    let hosts = match &socket {
        Either::Left(_) => serving.hosts.clone(),
        Either::Right(_) => serving.hosts_of_unix.clone(),
    };
    let opened = handshake::open(socket, patience, serving.tls.as_ref(), entry, drain.clone());
    let Some((channel, refused)) = opened.await else { return };
    let stream = Checked::new(channel, Arc::clone(&entry.progress), hosts).refusing(refused);
    let note = lease.token_note();
    let service = service_fn(|request| answer(request, peer, &lease, note.as_ref(), &serving));
    // The library is given no time limit, because it has only one for an idle connection and for a
    // head. The table of places watches both.
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut is_closing = false;
    let ended = loop {
        tokio::select! {
            // The order matters: a request that has arrived is answered before the connection is
            // closed.
            biased;
            ended = connection.as_mut() => break ended,
            () = drain.closing(), if !is_closing => is_closing = true,
            // A head may have been marked as too slow. The stream finds that out when the HTTP
            // library reads from it again.
            () = entry.asked() => {
                if entry.is_cut_off() {
                    break Ok(());
                }
                is_closing |= entry.is_to_close();
            }
        }
        if is_closing {
            connection.as_mut().graceful_shutdown();
        }
    };
    if let Err(error) = ended {
        // A client may leave at any time, so this is no error of the server.
        tracing::debug!(error = %error, "a connection ended early");
    }
}

async fn answer(
    mut request: Request<Incoming>,
    peer: IpAddr,
    lease: &Lease,
    note: Option<&TokenNote>,
    serving: &Serving,
) -> Result<Response<Body>, Infallible> {
    let _in_flight = InFlight::new(&serving.process_entry);
    let Serving { router, plain_reads, drain, trusted_proxies, process_entry, .. } = serving;
    let entry = &lease.entry;
    strip_root(&mut request, &serving.root_path);
    let client = ClientAddress::of_request(peer, request.headers(), trusted_proxies);
    let refusal = refusal(lease, request.uri().path(), process_entry).await;
    let plain_reads = plain_reads.as_ref().filter(|_| refusal.is_none());
    let plain = plain_reads.and_then(|plain_reads| plain_reads.answer(&mut request, client, note));
    let mut response = if let Some(response) = plain {
        response
    } else {
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(client);
        if let Some(refusal) = refusal {
            extensions.insert(refusal);
        }
        if let Some(note) = note {
            extensions.insert(note.clone());
        }
        router.answer(request).await
    };
    if refusal.is_some() || entry.closes_with_answer() || drain.has_begun() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let is_stream = response.body().size_hint().exact().is_none();
    if is_stream {
        response = response.map(|body| Body::new(Streamed::new(body, entry)));
    }
    entry.progress.note_answer();
    Ok(if is_stream && is_event_stream(&response) {
        response.map(|body| Body::new(UntilDrained::new(body, drain.clone())))
    } else {
        response
    })
}

/// Removes the prefix of the proxy from a path that has it, so that a proxy may pass paths on with
/// or without the prefix.
fn strip_root<B>(request: &mut Request<B>, root: &str) {
    if root.is_empty() {
        return;
    }
    let Some(full) = request.uri().path_and_query() else { return };
    let Some(rest) = full.as_str().strip_prefix(root) else { return };
    let rest = match rest.bytes().next() {
        Some(b'/') => rest.to_owned(),
        Some(b'?') | None => format!("/{rest}"),
        Some(_) => return,
    };
    // The rest is a valid path, and the host of the target stays.
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = rest.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// The refusal of a request, if its head was refused or no ordinary place became free for its
/// connection.
async fn refusal(lease: &Lease, path: &str, process_entry: &ProcessEntry) -> Option<Refusal> {
    let refusal = lease.entry.progress.refusal();
    if refusal.is_some() {
        process_entry.head_refused();
        return refusal;
    }
    if OF_HEALTH.contains(&path) || lease.has_ordinary_place().await {
        return None;
    }
    process_entry.connection_turned_away();
    Some(Refusal::NoPlace)
}

/// A body that keeps its connection busy until all of it was sent.
struct Streamed {
    body: Body,
    entry: Arc<Entry>,
}

impl Streamed {
    fn new(body: Body, entry: &Arc<Entry>) -> Self {
        entry.progress.note_stream(true);
        Self { body, entry: Arc::clone(entry) }
    }
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = persona_http::BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, persona_http::BodyError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.entry.progress.note_stream(false);
    }
}

/// An event stream never ends by itself, and its client knows how to go on with the next worker.
fn is_event_stream(response: &Response<Body>) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// A body that ends when the worker drains.
struct UntilDrained {
    body: Body,
    drained: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl UntilDrained {
    fn new(body: Body, mut drain: Drain) -> Self {
        Self { body, drained: Box::pin(async move { drain.begun().await }) }
    }
}

impl http_body::Body for UntilDrained {
    type Data = Bytes;
    type Error = persona_http::BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, persona_http::BodyError>>> {
        if self.drained.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }
}

/// Counts a request until it is answered or its client leaves.
struct InFlight<'a>(&'a ProcessEntry);

impl<'a> InFlight<'a> {
    fn new(process_entry: &'a ProcessEntry) -> Self {
        process_entry.request_begun();
        Self(process_entry)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::Response;
    use http_body::Frame;
    use http_body_util::BodyExt;
    use persona_http::Body;

    use super::{Drain, UntilDrained, is_event_stream, strip_root};

    #[test]
    fn the_prefix_of_a_proxy_is_taken_off_where_it_is_there() {
        let stripped = |root: &str, uri: &str| {
            let mut request = http::Request::builder().uri(uri).body(()).expect("a request");
            strip_root(&mut request, root);
            request.uri().to_string()
        };
        assert_eq!(stripped("/store", "/store/healthz?a=/store"), "/healthz?a=/store");
        assert_eq!(stripped("/store", "http://a/store/healthz"), "http://a/healthz");
        assert_eq!(stripped("/store", "/store"), "/");
        assert_eq!(stripped("/store", "/store?a"), "/?a");
        for uri in ["/healthz", "/stores", "/storehouse/x", "/a/store/x"] {
            assert_eq!(stripped("/store", uri), uri);
        }
        assert_eq!(stripped("", "/store"), "/store");
    }

    #[test]
    fn only_event_streams_are_cut_short() {
        let response = |kind: &str| {
            Response::builder()
                .header("content-type", kind)
                .body(Body::empty())
                .expect("a response")
        };
        assert!(is_event_stream(&response("text/event-stream; charset=utf-8")));
        assert!(!is_event_stream(&response("application/json")));
        assert!(!is_event_stream(&Response::new(Body::empty())));
    }

    /// A body that never has data.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_silent_body_ends_when_the_worker_drains() {
        let (drainer, drain) = Drain::new();
        let mut body = UntilDrained::new(Body::new(Silent), drain);
        // The futures are polled in this order: the body waits first, and the drain then wakes it.
        let (frame, ()) = tokio::join!(body.frame(), async { drainer.begin() });
        assert!(frame.is_none());
    }
}
